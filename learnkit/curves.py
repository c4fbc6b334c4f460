"""Lines over steps or epochs, drawn the same way everywhere: what is drawn, not where it goes.

Gets matplotlib's axes and never imports it. Knows nothing of training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a picture.

    Attributes:
        name: in the legend.
        x: places, as many as values.
        y: values; NaN leaves a gap.
        marked: a dot at each value, for few of them.
        faint: thin and pale, for what lies behind.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    marked: bool = False
    faint: bool = False


def draw_lines(axis: Any, lines: Sequence[Line], *, x: str, y: str, whole: bool = False) -> None:
    """Draw lines on one matplotlib axis.

    Args:
        axis: to draw on.
        lines: those without a value are left out.
        x: what lies along the bottom, ``"step"``.
        y: what goes up, or an empty string.
        whole: mark whole numbers only along the bottom: there is no epoch 1.25.
    """
    for line in lines:
        if len(line.y):
            style: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.4} if line.faint else {}
            # a single value would leave no trace
            dot = "o" if line.marked or len(line.y) == 1 else None
            axis.plot(line.x, line.y, marker=dot, label=_shown(line.name), **style)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    if whole:
        axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)
    if axis.has_data():
        axis.legend()


def smoothed(values: Sequence[float], *, share: float) -> list[float]:
    """Return the running mean that forgets, without the pull of its start towards zero.

    Each mean keeps ``share`` of the one before (Kingma and Ba 2014, arXiv 1412.6980, section 3, on
    the correction). What is not finite stays itself and leaves no trace in what follows.

    Args:
        values: one per step.
        share: in [0, 1); 0 gives the values back.
    """
    found, total, weight = [], 0.0, 0.0
    for value in values:
        if not np.isfinite(value):
            found.append(float(value))
            continue
        total = share * total + (1 - share) * value
        weight = share * weight + (1 - share)
        found.append(total / weight)
    return found


def _shown(name: str) -> str:
    """Return a name that matplotlib neither hides (``_x``) nor reads as a formula (``$``)."""
    name = name.replace("$", r"\$")
    return f" {name}" if name.startswith("_") else name
