"""What the loop costs a step: learnkit beside the same bare loop, in one run.

    python -m benchmarks.step_overhead

A tiny MLP on random numbers, so that the arithmetic is next to nothing. learnkit runs with the
accuracy metric, the schedule, the recorder and a live progress bar. The two take turns; medians of
the pairs are printed, and the losses that both reach.
"""

import io
import json
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from learnkit import DataBunch, Learner, accuracy
from learnkit.callbacks import ProgressBar
from learnkit.types import Batch, Loaded

SAMPLES, FEATURES, CLASSES, BATCH, EPOCHS, PAIRS = 32_768, 16, 4, 64, 2, 7


def data() -> TensorDataset:
    """Return random features and labels that a linear map decides."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, FEATURES, generator=generator)
    return TensorDataset(x, (x @ torch.randn(FEATURES, CLASSES, generator=generator)).argmax(1))


def network() -> nn.Module:
    """Return an MLP of about 3,000 weights, the same each time."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, CLASSES)
    )


def batches(dataset: TensorDataset) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Cut the batches once, so that only the loop is measured."""
    return list(DataLoader(dataset, batch_size=BATCH))


class Ready:
    """A loader whose batches already exist."""

    def __init__(self, ready: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
        self.batch_size, self.n_samples = BATCH, SAMPLES
        numbers = [np.arange(i * BATCH, i * BATCH + len(x)) for i, (x, _) in enumerate(ready)]
        self._ready = [Loaded(Batch(x, y), n) for (x, y), n in zip(ready, numbers, strict=True)]

    def __len__(self) -> int:
        return len(self._ready)

    def __iter__(self):
        return (loaded.batch for loaded in self._ready)

    def batches(self, epoch: int, *, start: int = 0):
        """Give the same batches in every epoch."""
        return iter(self._ready[start:])

    def describe(self, index: int) -> str:
        """Name a sample."""
        return f"sample {index}"


def bare(ready: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[float, float]:
    """Train with the plainest loop; return microseconds a step and the last loss."""
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    began = time.perf_counter()
    for _ in range(EPOCHS):
        for x, y in ready:
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    seconds = time.perf_counter() - began
    return seconds / (EPOCHS * len(ready)) * 1e6, loss.item()


def with_learnkit(ready: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[float, float]:
    """Train the same with learnkit, everything on; return microseconds a step and the last loss."""
    loader = Ready(ready)
    bunch = DataBunch(train_dl=loader, classes=tuple("abcd"))
    learn = Learner(bunch, network(), metrics=accuracy)
    bar = ProgressBar(style="terminal", stream=io.StringIO())
    began = time.perf_counter()
    learn.fit(EPOCHS, 3e-3, progress=False, callbacks=[bar])
    seconds = time.perf_counter() - began
    return seconds / (EPOCHS * len(ready)) * 1e6, learn.recorder.losses[-1]


def main() -> None:
    """Print medians over interleaved pairs."""
    ready = batches(data())
    bare(ready), with_learnkit(ready)
    pairs = [(bare(ready), with_learnkit(ready)) for _ in range(PAIRS)]
    timed = [(ours[0], plain[0]) for plain, ours in pairs]
    result = {
        "bare_us_per_step": round(statistics.median(plain for _, plain in timed), 1),
        "learnkit_us_per_step": round(statistics.median(ours for ours, _ in timed), 1),
        "overhead_us": round(statistics.median(ours - plain for ours, plain in timed), 1),
        "ratio": round(statistics.median(ours / plain for ours, plain in timed), 3),
        "last_loss": {"bare": pairs[-1][0][1], "learnkit": pairs[-1][1][1]},
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
