"""The picture of the demo: the training curve, and every photo with what it was taken for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from PIL import Image

from learnkit.extras import require
from learnkit.history import History

INK: Final = "#22303c"
WRONG: Final = "#d0021b"
TRAIN: Final = "#8aa4b8"
VALID: Final = "#22303c"
METRIC: Final = "#1b8a5a"
SHAPE: Final = (72, 144)  # width and height that photos are drawn at


class Answered(Protocol):
    """A photo with its class and what it was taken for."""

    @property
    def file(self) -> str:
        """Relative to the folder of photos."""

    @property
    def true(self) -> str:
        """What it is."""

    @property
    def label(self) -> str:
        """What it was taken for."""

    @property
    def probability(self) -> float:
        """Of ``label``."""


def draw_demo(
    path: Path,
    photos: Path,
    history: History,
    valid: Sequence[Answered],
    held_out: Sequence[Answered],
) -> None:
    """Save the picture.

    Args:
        path: a PNG file.
        photos: the folder that the answers' files start from.
        history: of the training.
        valid: answers for the validation photos.
        held_out: answers for photos that took no part at all.
    """
    module = require("matplotlib.figure", extra="demo", purpose="learnkit demo")
    figure = module.Figure(figsize=(13, 5.6), layout="constrained", facecolor="white")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2.6), wspace=0.02)
    _draw_curves(left, history)
    classes = sorted({answer.true for answer in valid})
    n_valid = max(sum(a.true == name for a in valid) for name in classes)
    n_held = max(sum(a.true == name for a in held_out) for name in classes)
    # a narrow empty column keeps the photos that took no part apart
    widths = [1.0] * n_valid + [0.3] + [1.0] * n_held
    grid = right.subplots(len(classes), len(widths), squeeze=False, width_ratios=widths)
    for axes in grid.ravel():
        axes.set_axis_off()
    for row, name in zip(grid, classes, strict=True):
        row[0].text(-0.25, 0.5, name, **_middle(row[0], rotation=90, fontsize=12))
        _draw_row(row[:n_valid], photos, [a for a in valid if a.true == name])
        _draw_row(row[n_valid + 1 :], photos, [a for a in held_out if a.true == name])
    n_right = sum(a.label == a.true for a in valid)
    right.suptitle(
        f"{n_right} of {len(valid)} validation photos right; on the right, held out",
        fontsize=12,
        color=INK,
    )
    figure.savefig(path, dpi=110)


def _draw_curves(figure: Any, history: History) -> None:
    figure.suptitle("training", fontsize=12, color=INK)
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    epochs = range(1, len(history) + 1)
    loss.plot(epochs, history.column("train_loss"), color=TRAIN, marker="o", label="train loss")
    loss.plot(epochs, history.column("valid_loss"), color=VALID, marker="o", label="valid loss")
    accuracy.plot(epochs, history.column("accuracy"), color=METRIC, marker="o", label="accuracy")
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(top=1.02)
    accuracy.set_xlabel("epoch", color=INK)
    accuracy.xaxis.get_major_locator().set_params(integer=True)
    for axes in (loss, accuracy):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        axes.legend(frameon=False, labelcolor=INK)


def _draw_row(row: Sequence[Any], photos: Path, answers: Sequence[Answered]) -> None:
    for axes, answer in zip(row, answers, strict=False):
        with Image.open(photos / answer.file) as photo:
            axes.imshow(photo.convert("RGB").resize(SHAPE, Image.Resampling.BICUBIC))
        right = answer.label == answer.true
        axes.set_title(
            f"{answer.label}\n{answer.probability:.0%}",
            fontsize=9,
            color=INK if right else WRONG,
            fontweight="normal" if right else "bold",
        )


def _middle(axes: Any, **style: Any) -> dict[str, Any]:
    return {
        "transform": axes.transAxes,
        "ha": "center",
        "va": "center",
        "color": INK,
        "fontweight": "bold",
        **style,
    }
