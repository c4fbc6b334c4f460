"""The training loop of a script: validation, a fit, and the parts that are run."""

from learnkit.eject.fit_code import fit_code
from learnkit.eject.forward_code import (
    Loop,
    forward_call,
    forward_code,
    frozen_code,
    prepare_call,
    validate_head,
)
from learnkit.eject.source import sources
from learnkit.models import folding, freeze


def loop_code(loop: Loop) -> str:
    """Return the functions of training, and the lines that run it."""
    parts = [forward_code(loop)] if loop.frozen or loop.bf16 else []
    if loop.frozen:
        folded = sources(folding.folded, folding._pair, folding._module, folding._fused)
        parts = [folded, frozen_code(loop), *parts]
    if not loop.all_train:
        parts += [sources(freeze.train_mode, freeze._set_mode), trained_code(loop)]
    if loop.valid:
        parts.append(_validate(loop))
    place = "DEVICE, memory_format=torch.channels_last" if loop.channels_last else "DEVICE"
    parts += [fit_code(loop), f"{_MAIN_BEGIN}\n    net.to({place})\n{_MAIN_END}"]
    return "\n\n\n".join(parts)


def trained_code(loop: Loop) -> str:
    """Return ``let_train``, which says what trains in a part."""
    if not loop.norms:
        return '''def let_train(net, part):
    """Let the layer groups from ``part["first"]`` on train, or the parameters named."""
    chosen = tuple(part.get("names", ())) or sum(LAYERS[part["first"] :], ())
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(bool(chosen) and name.startswith(chosen))'''
    return '''def let_train(net, part):
    """Let the layer groups from ``part["first"]`` on train, or the parameters named.

    ``part["norms"]``: True trains all norm layers besides, False no BatchNorm but the head's.
    """
    chosen = tuple(part.get("names", ())) or sum(LAYERS[part["first"] :], ())
    for name, parameter in net.named_parameters():
        trains, owner = bool(chosen) and name.startswith(chosen), name.rpartition(".")[0]
        module = net.get_submodule(owner)
        if part["norms"] is True and isinstance(module, NORMS):
            trains = True
        if part["norms"] is False and isinstance(module, BATCH_NORMS):
            trains = trains and name.startswith(LAYERS[-1])
        parameter.requires_grad_(trains)'''


def _validate(loop: Loop) -> str:
    total = []
    for name, code in loop.metrics:
        total += [f"        value = {code}", f"        totals[{name!r}] += value.double() * len(y)"]
    zeros = ", ".join(f"{name!r}: 0.0" for name, _ in loop.metrics)
    begin = [f"    totals = {{{zeros}}}"] if loop.metrics else []
    means = "    means = {name: float(t) / sum(samples) for name, t in totals.items()}"
    end = ", **means" if loop.metrics else ""
    return "\n".join(
        [
            "@torch.no_grad()",
            f"def {validate_head(loop)}:",
            '    """Give the loss and the metrics, weighted by samples."""',
            "    net.eval()",
            "    losses, samples = [], []",
            *begin,
            '    for x, y, indices in batches("valid", 0):',
            f"        x, y = {prepare_call(loop, 'None')}, y.to(DEVICE)",
            f"        preds = {forward_call(loop, 'valid')}",
            "        losses.append(loss_func(preds, y))",
            "        samples.append(len(y))",
            *total,
            *([means] if loop.metrics else []),
            f'    return {{"valid_loss": mean_loss(losses, samples){end}}}',
        ]
    )


_MAIN_BEGIN = '''def main():
    """Train all parts from the first weights on, and say whether the last ones are the same."""
    net = build_model()
    net.load_state_dict(
        {k[6:]: v for k, v in load_file(HERE.with_suffix(".safetensors")).items()
         if k.startswith("model.")}
    )'''

_MAIN_END = """    optimizer = make_optimizer(net)
    epoch, batch = FIRST_EPOCH, FIRST_BATCH
    for part in PARTS:
        epoch, batch = fit(net, optimizer, part, epoch, batch)
    net.eval()
    weights = {name: t.detach().cpu().contiguous() for name, t in net.state_dict().items()}
    save_file(weights, HERE.with_suffix(".trained.safetensors"))
    sha = hashlib.sha256()
    for name, value in sorted(weights.items()):
        sha.update(name.encode() + value.flatten().view(torch.uint8).numpy().tobytes())
    same = "the same weights as" if sha.hexdigest() == TRAINED_SHA256 else "OTHER weights than"
    print(f"{same} learnkit's, bit for bit")


if __name__ == "__main__":
    main()"""
