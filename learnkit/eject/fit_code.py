"""The function ``fit`` of a script: epochs, batches, steps."""

from textwrap import indent

from learnkit.eject.forward_code import Loop, forward_call, prepare_call, validate_head


def fit_code(loop: Loop) -> str:
    """Return ``fit``, which trains one part."""
    keys = "SampleKeys(SEED, key, indices)" if loop.keyed else "None"
    lines = [
        "def fit(net, optimizer, part, epoch, batch):",
        '    """Train for a part\'s epochs; ``epoch`` and ``batch`` count over all parts."""',
        "" if loop.all_train else "    let_train(net, part)",
    ]
    if loop.frozen:
        lines.append(
            "    frozen = None if any(p.requires_grad for p in net.body.parameters()) "
            "else FrozenBody(net)"
        )
    lines += [
        "    for group in optimizer.param_groups:",
        '        group["initial_lr"] = part["rates"][group["layer"]]',
        '        if "weight_decay" in group:',
        '            group["weight_decay"] = part["decay"] if group["decayed"] else 0.0',
        "    step = 0",
        '    for key in range(epoch, epoch + part["epochs"]):',
        "        net.train()" if loop.all_train else "        train_mode(net)",
        "        losses, samples = [], []",
    ]
    lines.append(
        '        n_batches = sum(1 for _ in epoch_batches(epoch=key, **SIDES["train"]))'
        if loop.accumulates
        else ""
    )
    if loop.accumulates:
        lines.append("        in_group = 0  # samples of the batches since the last step")
    lines += [
        '        for x, y, indices in batches("train", key):',
        '            torch.manual_seed(mix(SEED, key_of("step"), batch))  # of dropout',
        "            batch += 1",
        f"            x, y = {prepare_call(loop, keys)}, y.to(DEVICE)",
        f"            loss = loss_func({forward_call(loop, 'train')}, y)",
        "            if not torch.isfinite(loss):",
        '                raise SystemExit("the training loss is not finite")',
        "            losses.append(loss.detach())",
        "            samples.append(len(y))",
    ]
    if loop.accumulates:
        lines += _ACCUMULATE
    else:
        lines.append("            loss.backward()")
    lines += [
        '            fraction = min(1.0, step / part["steps"])',
        "            for group in optimizer.param_groups:",
        '                group["lr"] = group["initial_lr"] * part["rate"](fraction)',
    ]
    if loop.momentum is not None:
        lines += _momentum(loop.momentum)
    if loop.clip:
        lines.append(indent(loop.clip, " " * 12))
    lines += [
        "            optimizer.step()",
        "            optimizer.zero_grad()",
        "            step += 1",
        "        row = {",
        '            "epoch": key + 1,',
        '            "train_loss": mean_loss(losses, samples),',
    ]
    lines.append(f"            **{validate_head(loop)}," if loop.valid else "")
    lines += ["        }", "        print(json.dumps(row))", "    return key + 1, batch"]
    return "\n".join(line for line in lines if line)


_ACCUMULATE = [
    '            whole = SIDES["train"]["batch_size"]',
    '            share = 1.0 if part["accumulate"] == 1 else len(y) / whole',
    "            (loss if share == 1.0 else loss * share).backward()  # adds to p.grad",
    "            in_group += len(y)",
    '            if len(losses) % part["accumulate"] and len(losses) < n_batches:',
    "                continue",
    '            if part["accumulate"] > 1:  # the mean over the samples of the group',
    "                for parameter in net.parameters():",
    "                    if parameter.grad is not None:",
    "                        parameter.grad.mul_(whole / in_group)",
    "            in_group = 0",
]


def _momentum(word: str) -> list[str]:
    value = 'part["momentum"](fraction)'
    if word == "betas":
        value = f'({value}, *group["betas"][1:])'
    return [f'                group["{word}"] = {value}']
