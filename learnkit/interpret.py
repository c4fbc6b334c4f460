"""Look at what a model says: photos with predicted and true class."""

from contextlib import closing
from os import PathLike

import torch
from torch import Tensor

from learnkit.data.batch import BatchPipeline
from learnkit.data.show import draw_grid
from learnkit.errors import DataError
from learnkit.predictions import Engine
from learnkit.task import Task
from learnkit.types import BatchLoader


def draw_results(
    engine: Engine,
    task: Task,
    loader: BatchLoader,
    *,
    classes: tuple[str, ...],
    n: int,
    path: str | PathLike[str] | None,
) -> None:
    """Draw ``n`` photos spread evenly over a loader, titled ``predicted (probability)``.

    A wrong answer is titled in red, with the true class below.

    Raises:
        DataError: when ``n`` is below 1 or the loader does not hold photos with classes.
        MissingExtraError: when matplotlib is not installed.
    """
    if n < 1:
        raise DataError(f"show_results draws at least 1 photo; got n={n}.")
    photos, probabilities, targets = _spread(engine, task, loader, n)
    if photos.ndim != 4 or photos.shape[1] != 3 or not classes:
        raise DataError(
            f"show_results draws photos with classes; this data has inputs of shape "
            f"{tuple(photos.shape[1:])} and {len(classes)} classes."
        )
    titles, colours = [], []
    for row, target in zip(probabilities, targets.tolist(), strict=True):
        guess = int(row.argmax())
        right = guess == target
        words = f"{classes[guess]} ({float(row[guess]):.0%})"
        titles.append(words if right else f"{words}, is {classes[target]}")
        colours.append("black" if right else "crimson")
    draw_grid(photos, titles, colours=colours, path=path, purpose="show_results")


def _spread(
    engine: Engine, task: Task, loader: BatchLoader, n: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return every so-manieth sample: inputs in [0, 1], activated predictions, targets."""
    plain = BatchPipeline(torch.device("cpu"))
    step = max(1, loader.n_samples // n)
    photos: list[Tensor] = []
    preds: list[Tensor] = []
    targets: list[Tensor] = []
    seen = 0
    with closing(engine.run(loader)) as answers:
        for loaded, raw in answers:
            chosen = [i for i in range(len(loaded.indices)) if (seen + i) % step == 0]
            seen += len(loaded.indices)
            if chosen:
                photos.append(plain.prepare(loaded, keys=None).x[chosen])
                preds.append(task.activate(raw[chosen]).cpu())
                targets.append(loaded.batch.y[chosen])
    return torch.cat(photos)[:n], torch.cat(preds)[:n], torch.cat(targets)[:n]
