"""Look at what a model says: photos, or rows of a table, with prediction and truth."""

from contextlib import closing
from os import PathLike
from typing import NamedTuple

import torch
from torch import Tensor

from learnkit.data.batch import BatchPipeline
from learnkit.data.inputs import Inputs
from learnkit.data.show import MAX_TITLE, draw_grid
from learnkit.data.show_text import show_text
from learnkit.errors import DataError
from learnkit.predictions import Engine
from learnkit.tasks import Prediction, Task
from learnkit.types import Batch, BatchLoader


class Seen(NamedTuple):
    """One sample: its input as loaded, pictures in [0, 1]; the answer; the target."""

    x: Tensor
    prediction: Prediction
    target: Tensor


def show_samples(
    engine: Engine,
    task: Task,
    loader: BatchLoader,
    *,
    inputs: Inputs | None,
    n: int,
    path: str | PathLike[str] | None,
) -> None:
    """Show ``n`` samples spread evenly over a loader, with what the model says of them.

    Pictures are drawn, titled ``predicted (probability)``; a wrong answer is titled in red, with
    the true class behind it. Targets that are pictures, such as masks, are drawn beside what was
    predicted. Anything else is printed as a table, or written to ``path``.

    Raises:
        DataError: when ``n`` is below 1, samples are neither pictures nor can be said in words, or
            ``path`` is a picture's name and they are words.
        MissingExtraError: when matplotlib is not installed.
    """
    if n < 1:
        raise DataError(f"show_results draws at least 1 photo; got n={n}.")
    seen = _spread(engine, task, loader, n)
    if is_picture(seen[0].x):
        _draw(task, seen, path)
        return
    if inputs is None and seen[0].x.numel() > 100:
        raise DataError(
            "show_results draws pictures (B, 3, H, W) or (B, 1, H, W); this data has inputs of "
            f"shape {tuple(seen[0].x.shape)}. get_preds() gives the answers as numbers."
        )
    show_text("\n".join(_table(task, seen, inputs)) + "\n", path)


def is_picture(x: Tensor) -> bool:
    """Whether one sample can be drawn: (3, H, W) or (1, H, W)."""
    return x.ndim == 3 and x.shape[0] in (1, 3) and min(x.shape[1:]) > 1


def as_rgb(x: Tensor) -> Tensor:
    """Return one picture (1 or 3, H, W) as float (3, H, W) in [0, 1]."""
    return x.float().clamp(0, 1).expand(3, -1, -1)


def _draw(task: Task, seen: list[Seen], path: str | PathLike[str] | None) -> None:
    pictures: list[Tensor] = []
    titles: list[str] = []
    colours: list[str] = []
    for one in seen:
        photo = as_rgb(one.x)
        if task.paints:
            pictures += [task.paint(photo, one.target), task.paint(photo, one.prediction.value)]
            words = f"predicted: {one.prediction}" if one.prediction.text else "model"
            pair = ("target", words if len(words) <= MAX_TITLE else "predicted")
            titles += getattr(task, "pair", pair)
            colours += ["black", "black"]
            continue
        right = task.is_right(one.prediction, one.target)
        told = "" if right else f", is {task.describe(one.target)}"
        pictures.append(photo)
        titles.append(f"{_words(one.prediction)}{told}")
        colours.append("crimson" if right is False else "black")
    draw_grid(
        torch.stack(pictures),
        titles,
        colours=colours,
        legend=task.classes if task.moves == "mask" else (),
        together=2 if task.paints else 1,
        path=path,
        purpose="show_results",
    )


def _words(prediction: Prediction) -> str:
    if prediction.text or not prediction.classes:
        return str(prediction)
    return f"{prediction.label} ({prediction.probability:.0%})"


def _table(task: Task, seen: list[Seen], inputs: Inputs | None) -> list[str]:
    """Return the lines of a table: input, target, prediction, and a mark for a wrong one."""
    rows = [("input", "target", "predicted", "")]
    for one in seen:
        words = task.describe(one.x) if inputs is None else inputs.words(one.x)
        wrong = task.is_right(one.prediction, one.target) is False
        answer = str(one.prediction)
        rows.append((_cut(words), _cut(task.describe(one.target)), answer, "wrong" * wrong))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, [*widths, 0], strict=True)).rstrip()
        for row in rows
    ]


def _cut(words: str, at_most: int = 60) -> str:
    line = " ".join(words.split())
    return line if len(line) <= at_most else line[: at_most - 3] + "..."


def _spread(engine: Engine, task: Task, loader: BatchLoader, n: int) -> list[Seen]:
    """Return every so-manieth sample."""
    plain = BatchPipeline(torch.device("cpu"))
    step = max(1, loader.n_samples // n)
    seen: list[Seen] = []
    count = 0
    with closing(engine.run(loader)) as answers:
        for loaded, raw in answers:
            chosen = [i for i in range(len(loaded.indices)) if (count + i) % step == 0]
            count += len(loaded.indices)
            if not chosen:
                continue
            x = plain.prepare(loaded, keys=None).x
            rows = task.activate(raw[chosen]).cpu()
            targets = task.targets(Batch(x, loaded.batch.y))
            seen += [
                Seen(x[i], task.decode(row), targets[i].cpu())
                for i, row in zip(chosen, rows, strict=True)
            ]
            if len(seen) >= n:
                break
    return seen[:n]
