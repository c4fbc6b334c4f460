"""What a loop costs for each batch: a tiny MLP, so that the arithmetic is next to nothing.

Everyone but the plain loop counts accuracy on validation batches and draws a bar; the plain loop
has torch's default AdamW and nothing else. Batches exist before the clock starts.
"""

import contextlib
import functools
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW

from benchmarks.process import Stopwatch
from benchmarks.settings import Case, Settings

FEATURES, CLASSES, EPOCHS, LR = 16, 4, 2, 3e-3
VALID_PART = 8  # an eighth as many for validation

Pairs = list[tuple[Tensor, Tensor]]


def batches(samples: int, batch_size: int, seed: int) -> Pairs:
    """Cut random features, and labels that a linear map decides, into batches."""
    rule = torch.randn(FEATURES, CLASSES, generator=torch.Generator().manual_seed(0))
    x = torch.randn(samples, FEATURES, generator=torch.Generator().manual_seed(seed + 1))
    return list(zip(x.split(batch_size), (x @ rule).argmax(1).split(batch_size), strict=True))


def both(settings: Settings) -> tuple[Pairs, Pairs]:
    """Return the batches of training and validation."""
    size, n = settings.batch_size, settings.samples
    return batches(n, size, 0), batches(n // VALID_PART, size, 1)


def network() -> nn.Module:
    """Return an MLP of about 3,000 weights, the same each time."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, CLASSES)
    )


def right(model: nn.Module, pairs: Pairs) -> float:
    """Return the accuracy, outside of what is timed."""
    model.cpu().eval()
    with torch.inference_mode():
        hits = [(model(x).argmax(1) == y).float() for x, y in pairs]
    return torch.cat(hits).mean().item()


def _case(settings: Settings, watch: Stopwatch, model: nn.Module, precision: str = "") -> Case:
    train, valid = both(settings)
    each = watch.wall / (EPOCHS * (len(train) + len(valid))) * 1e6
    others = {"accuracy": right(model, valid), "precision": precision}
    return Case.of("tiny MLP", watch, **others, details={"us_per_batch": each})


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Send what is drawn to nowhere."""
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(Path(os.devnull).open("w"))
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        yield


def warmed(fit: Callable[[Settings], list[Case]]) -> Callable[[Settings], list[Case]]:
    """Fit a few batches first: whatever is imported or built at first use is not the loop's."""

    @functools.wraps(fit)
    def measure(settings: Settings) -> list[Case]:
        fit(replace(settings, samples=2 * VALID_PART * settings.batch_size))
        return fit(settings)

    return measure


@warmed
def with_learnkit(settings: Settings) -> list[Case]:
    """Measure learnkit with metric, schedule, recorder and bar."""
    from benchmarks.contenders.ready import Ready
    from learnkit import DataBunch, Learner, accuracy
    from learnkit.callbacks import ProgressBar

    train, valid = map(Ready, both(settings))
    bunch = DataBunch(train_dl=train, valid_dl=valid, classes=tuple("abcd"))
    learn = Learner(bunch, network(), metrics=accuracy, device="cpu")
    bar = ProgressBar(style="terminal", stream=io.StringIO())
    with Stopwatch() as watch:
        learn.fit(EPOCHS, LR, progress=False, callbacks=bar)
    return [_case(settings, watch, learn.model, learn.precision.name)]


@warmed
def with_plain(settings: Settings) -> list[Case]:
    """Measure the plainest loop."""
    train, valid = both(settings)
    model = network()
    with Stopwatch() as watch:
        optimizer = AdamW(model.parameters(), lr=LR)
        for _ in range(EPOCHS):
            model.train()
            for x, y in train:
                functional.cross_entropy(model(x), y).backward()
                optimizer.step()
                optimizer.zero_grad()
            model.eval()
            with torch.inference_mode():
                for x, y in valid:
                    functional.cross_entropy(model(x), y)
    return [_case(settings, watch, model)]


@warmed
def with_fastai(settings: Settings) -> list[Case]:
    """Measure fastai with its metric and its bar, drawn to nowhere."""
    from fastai.basics import CrossEntropyLossFlat, DataLoaders, Learner, accuracy

    dls = DataLoaders(*both(settings), device=torch.device("cpu"))
    learn = Learner(dls, network(), loss_func=CrossEntropyLossFlat(), metrics=accuracy)
    with _silence(), Stopwatch() as watch:
        learn.fit(EPOCHS, LR)
    return [_case(settings, watch, learn.model)]


@warmed
def with_lightning(settings: Settings) -> list[Case]:
    """Measure Lightning with its metric and its bar, drawn to nowhere."""
    from benchmarks.contenders.lightning import Classifier, NoList, fit

    train, valid = map(NoList, both(settings))
    model = Classifier(network(), CLASSES, LR)
    with _silence(), Stopwatch() as watch:
        fit(model, train, valid, epochs=EPOCHS, bar=True)
    return [_case(settings, watch, model.network)]
