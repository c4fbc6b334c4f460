"""What every schedule is: a frozen value that maps the fraction done to a multiplier."""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Final, Literal, TypeAlias

from typing_extensions import override

from learnkit.figures import finish, new_figure

Schedule: TypeAlias = Callable[[float], float]
Shape: TypeAlias = Literal["linear", "cosine", "polynomial", "exponential"]

_DRAWN: Final = 1000  # points of a plot


class Curve(ABC):
    """A schedule that can be compared, printed, pickled and drawn."""

    __slots__ = ()

    @abstractmethod
    def __call__(self, fraction: float) -> float:
        """Return the value at ``fraction`` of the fit; outside [0, 1] that of the nearer end."""

    def plot(self, path: str | PathLike[str] | None = None) -> None:
        """Draw the curve over the whole fit; save to ``path`` if given, else show.

        Raises:
            MissingExtraError: when matplotlib is not installed.
        """
        purpose = f"{type(self).__name__}.plot"
        figure = new_figure((6, 3), path=path, purpose=purpose)
        axis = figure.subplots()
        at = [i / _DRAWN for i in range(_DRAWN + 1)]
        axis.plot(at, [self(fraction) for fraction in at])
        axis.set(xlabel="fraction of the fit", ylabel="of the peak")
        axis.grid(alpha=0.3)
        finish(figure, path=path, purpose=purpose)


@dataclass(frozen=True, slots=True)
class Anneal(Curve):
    """From ``start`` at 0 to ``end`` at 1, both exactly.

    Attributes:
        shape: of the way between, with f the fraction done. Linear: a straight line. Cosine: half
            a wave (Loshchilov and Hutter 2017, SGDR, arXiv 1608.03983, equation 5). Polynomial:
            ``end + (start - end) * (1 - f) ** power`` (Chen et al. 2017, DeepLab, arXiv
            1606.00915, section 4.1). Exponential: ``start * (end / start) ** f``.
        start: the first value.
        end: the last value.
        power: of the polynomial, above 0.
    """

    shape: Shape
    start: float
    end: float
    power: float = 1.0

    @override
    def __call__(self, fraction: float) -> float:
        if fraction <= 0.0:
            return self.start
        if fraction >= 1.0:  # the formula would be off by a rounding error
            return self.end
        if self.shape == "exponential":
            return self.start * math.pow(self.end / self.start, fraction)
        if self.shape == "polynomial":
            return self.end + (self.start - self.end) * math.pow(1.0 - fraction, self.power)
        if self.shape == "cosine":
            fraction = (1.0 - math.cos(math.pi * fraction)) / 2
        return self.start + (self.end - self.start) * fraction


@dataclass(frozen=True, slots=True)
class Chain(Curve):
    """Schedules one after the other; the ``i``-th begins at ``begins[i]``."""

    begins: tuple[float, ...]
    schedules: tuple[Schedule, ...]

    @override
    def __call__(self, fraction: float) -> float:
        """Return the value at ``fraction``; at a joint, of the schedule that begins there."""
        fraction = min(max(fraction, 0.0), 1.0)
        i = max(0, bisect_right(self.begins, fraction) - 1)
        begin = self.begins[i]
        end = self.begins[i + 1] if i + 1 < len(self.begins) else 1.0
        return self.schedules[i]((fraction - begin) / (end - begin))
