"""What a learning rate sweep found: the curve, and four ways to read a rate off it.

The sweep itself is `learnkit.callbacks.LRFinder`; here are only numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Final

import numpy as np
import numpy.typing as npt

from learnkit.errors import NonFiniteLossError
from learnkit.figures import finish, new_figure

Floats = npt.NDArray[np.float64]

SLIDE_WIDTH: Final = 15
SLIDE_THRESHOLD: Final = 0.005
READINGS: Final = ("valley", "steep", "minimum", "slide")
FAR_APART: Final = 10.0  # the highest reading over the lowest, from which on they disagree


@dataclass(frozen=True)
class LRFindResult:
    """Learning rates that were tried, the smoothed loss at each, and what they suggest.

    The four readings are fastai's (``callback/schedule.py`` of 2.8). Like there, the first tenth
    and the last five points of the curve are not looked at; a short curve gives up less of itself.
    No reading is ever outside the rates that were tried.

    Attributes:
        lrs: the rates, rising.
        losses: the smoothed loss at each; the curve ends before the first that is not finite.

    Raises:
        NonFiniteLossError: when not one loss is finite.
        ValueError: when the two are not equally long.
    """

    lrs: Sequence[float] = field(repr=False)
    losses: Sequence[float] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.lrs) != len(self.losses):
            raise ValueError(
                "LRFindResult(): lrs and losses must be equally long, "
                f"found {len(self.lrs)} and {len(self.losses)}."
            )
        finite = [math.isfinite(loss) for loss in self.losses]
        n = finite.index(False) if False in finite else len(finite)
        if n == 0:
            raise NonFiniteLossError(
                "the learning rate sweep has no finite loss to look at: the loss was not finite at "
                "the first step. Start it at a lower rate, and check the data and the model."
            )
        object.__setattr__(self, "lrs", tuple(float(lr) for lr in self.lrs[:n]))
        object.__setattr__(self, "losses", tuple(float(loss) for loss in self.losses[:n]))

    @property
    def suggestions(self) -> dict[str, float]:
        """All four readings by their names."""
        return {name: float(getattr(self, name)) for name in READINGS}

    @property
    def agreement(self) -> float:
        """The highest reading over the lowest, at least 1; above 10 they disagree."""
        rates = self.suggestions.values()
        return max(rates) / min(rates)

    @property
    def warning(self) -> str | None:
        """What to know before taking a reading; None when all are within a factor of 10."""
        if self.agreement <= FAR_APART:
            return None
        return f"the four readings differ by {self.agreement:,.0f}x: look at the curve"

    @property
    def suggestion(self) -> float:
        """The rate to use when in doubt: `valley`."""
        return self.valley

    @cached_property
    def valley(self) -> float:
        """The rate halfway down the longest stretch over which the loss falls."""
        return self._inside(valley(*self._trimmed))

    @cached_property
    def steep(self) -> float:
        """The rate at which the loss falls fastest per decade."""
        return self._inside(steep(*self._trimmed))

    @cached_property
    def minimum(self) -> float:
        """A tenth of the rate with the lowest loss."""
        return self._inside(minimum(*self._trimmed))

    @cached_property
    def slide(self) -> float:
        """The highest rate before the loss begins to explode."""
        return self._inside(slide(*self._trimmed))

    def plot(self, path: str | PathLike[str] | None = None) -> None:
        """Draw the curve with the suggestions; save to ``path`` if given, else show."""
        figure = new_figure((6, 3.5), path=path, purpose="LRFindResult.plot")
        axis = figure.subplots()
        axis.plot(self.lrs, self.losses)
        for name, lr in self.suggestions.items():
            loss = float(np.interp(math.log(lr), np.log(self.lrs), self.losses))
            axis.plot(lr, loss, "o", label=f"{name} {lr:.2e}")
        axis.set(xscale="log", xlabel="learning rate", ylabel="loss (smoothed)")
        axis.grid(alpha=0.3)
        if self.warning is not None:
            axis.set_title(self.warning, fontsize="medium")
        axis.legend()
        finish(figure, path=path, purpose="LRFindResult.plot")

    def __repr__(self) -> str:
        readings = ", ".join(f"{name}={lr:.2e}" for name, lr in self.suggestions.items())
        warning = "" if self.warning is None else f"; {self.warning}"
        return f"LRFindResult({readings}, {len(self.lrs)} points{warning})"

    @cached_property
    def _trimmed(self) -> tuple[Floats, Floats]:
        n = len(self.lrs)
        kept = slice(n // 10, n - min(5, n // 5))
        return np.asarray(self.lrs)[kept], np.asarray(self.losses)[kept]

    def _inside(self, lr: float) -> float:
        return min(max(lr, self.lrs[0]), self.lrs[-1])


def valley(lrs: Floats, losses: Floats) -> float:
    """Return the rate in the middle of the longest falling subsequence of the losses."""
    n = len(losses)
    longest = np.ones(n, dtype=np.int64)  # of the falling subsequences that end here
    for i in range(1, n):
        higher = longest[:i][losses[:i] > losses[i]]
        longest[i] += higher.max(initial=0)
    end = int(longest.argmax())
    length = int(longest[end])
    if length == 1:  # the loss never falls
        return float(lrs[0])
    # as in fastai, the subsequence is taken to be contiguous
    third = length / 3
    return float(lrs[max(0, end - length + int(third) + int(third / 2))])


def steep(lrs: Floats, losses: Floats) -> float:
    """Return the rate where the loss falls fastest in log rate."""
    if len(lrs) < 2:
        return float(lrs[0])
    return float(lrs[int((np.diff(losses) / np.diff(np.log(lrs))).argmin())])


def minimum(lrs: Floats, losses: Floats) -> float:
    """Return a tenth of the rate with the lowest loss."""
    return float(lrs[int(losses.argmin())]) / 10


def slide(lrs: Floats, losses: Floats) -> float:
    """Slide an interval down from the end until the slope at its two ends is about the same."""
    n = len(losses)
    if n < 2:
        return float(lrs[0])
    slope = np.gradient(losses)
    right, left = n - 1, n - 1 - min(SLIDE_WIDTH, n - 1)
    found = left
    while left >= 0 and abs(slope[right] - slope[left]) > SLIDE_THRESHOLD:
        found = left
        right, left = right - 1, left - 1
    return float(lrs[found])
