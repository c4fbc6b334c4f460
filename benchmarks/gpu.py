"""Images a second of training on a GPU: learnkit's loop, a plain loop, and the GPU's own bound.

    python -m benchmarks.gpu --archs resnet18 resnet50

Random uint8 photos wait in pinned memory, so that no file is read. The plain loop copies, scales
and trains in bf16 with channels last and a fused AdamW; the bound is the same loop on one batch
that is on the device already. Without a GPU it says so and ends.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

from benchmarks.contenders.ready import Ready
from learnkit import DataBunch, Learner, Normalize
from learnkit.types import Batch

CLASSES, LR = 1000, 1e-4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DISTINCT = 4  # batches held in memory, given again and again


def photos(batch_size: int, size: int, steps: int, *, pin: bool) -> Ready:
    """Return a loader of random uint8 photos that wait in memory, pinned for a GPU."""
    draw = torch.Generator().manual_seed(0)
    pairs = []
    for _ in range(min(DISTINCT, steps)):
        x = torch.randint(256, (batch_size, size, size, 3), dtype=torch.uint8, generator=draw)
        y = torch.randint(CLASSES, (batch_size,), generator=draw)
        x, y = (x.pin_memory(), y.pin_memory()) if pin else (x, y)
        pairs.append((x.permute(0, 3, 1, 2), y))
    return Ready(pairs, steps)


def network(arch: str, device: torch.device) -> nn.Module:
    """Return a torchvision classifier with random weights, channels last."""
    torch.manual_seed(0)
    model = models.get_model(arch, weights=None, num_classes=CLASSES)
    return model.to(device, memory_format=torch.channels_last).train()


Epoch = Callable[[], None]


def learnkit_epoch(arch: str, ready: Ready, device: torch.device) -> Epoch:
    """Return a function that trains an epoch with learnkit as it comes."""
    classes = tuple(str(number) for number in range(CLASSES))
    data = DataBunch(train_dl=ready, classes=classes)
    learn = Learner(data, network(arch, device), device=device, normalize=Normalize(MEAN, STD))

    def epoch() -> None:
        learn.fit(1, LR, progress=False)

    return epoch


def plain_epoch(arch: str, ready: Ready, device: torch.device, *, bound: bool = False) -> Epoch:
    """Return a function that trains an epoch with the plain loop; ``bound`` moves no data."""
    model = network(arch, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=device.type == "cuda")
    mean, std = (
        torch.tensor(values, device=device)[:, None, None].mul(255) for values in (MEAN, STD)
    )

    def prepared(batch: Batch) -> tuple[Tensor, Tensor]:
        x = batch.x.to(device, non_blocking=True)
        return x.float().sub_(mean).div_(std), batch.y.to(device, non_blocking=True)

    there = prepared(next(iter(ready)))

    def epoch() -> None:
        for batch in ready:
            x, y = there if bound else prepared(batch)
            with torch.autocast(device.type, torch.bfloat16):
                loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return epoch


def seconds(epoch: Epoch, device: torch.device) -> float:
    """Time an epoch to the end of all work on the device."""
    wait = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    wait()
    began = time.perf_counter()
    epoch()
    wait()
    return time.perf_counter() - began


def measure(
    arch: str, device: torch.device, *, size: int, batch_size: int, steps: int, pairs: int
) -> dict[str, object]:
    """Return medians of images a second, the three taking turns, and ratios of the pairs."""
    ready = photos(batch_size, size, steps, pin=device.type == "cuda")
    epochs = {
        "learnkit": learnkit_epoch(arch, ready, device),
        "plain": plain_epoch(arch, ready, device),
        "bound": plain_epoch(arch, ready, device, bound=True),
    }
    for epoch in epochs.values():  # kernels are chosen here
        seconds(epoch, device)
    timed = [{name: seconds(e, device) for name, e in epochs.items()} for _ in range(pairs)]
    speeds = {name: [ready.n_samples / one[name] for one in timed] for name in epochs}
    result: dict[str, object] = {"arch": arch, "size": size, "batch_size": batch_size}
    for name, values in speeds.items():
        result[f"{name}_images_per_s"] = round(statistics.median(values), 1)
        of = [ours / other for ours, other in zip(speeds["learnkit"], values, strict=True)]
        result[f"learnkit_of_{name}"] = [round(f(of), 3) for f in (min, statistics.median, max)]
    return result


def main(argv: list[str] | None = None) -> int:
    """Measure each architecture and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archs", nargs="+", default=["resnet18", "resnet50"])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=5)
    args = parser.parse_args(argv)
    if not torch.cuda.is_available():
        print("There is no CUDA device here, so nothing was measured.")
        return 0
    device, options = torch.device("cuda"), vars(args)
    print(json.dumps({"device": torch.cuda.get_device_name(), "torch": torch.__version__}))
    for arch in options.pop("archs"):
        print(json.dumps(measure(arch, device, **options)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
