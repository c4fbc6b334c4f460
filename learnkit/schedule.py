"""How the learning rate moves over a fit: pure functions of the fraction done.

A `Schedule` takes the fraction of the fit's steps that are done, in [0, 1], and returns a
multiplier of the peak learning rate, in [0, 1]. Being pure, it needs no state of its own: a resumed
fit goes on where it stopped. Each one is a frozen value that can be compared and printed. Knows no
optimizer.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from learnkit.names import checked_keywords

Schedule: TypeAlias = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Anneal:
    """From ``start`` at 0 to ``end`` at 1, exactly, in a straight line or half a cosine wave.

    The cosine is Loshchilov and Hutter 2017, SGDR, arXiv 1608.03983, equation 5.
    """

    shape: Literal["linear", "cosine"]
    start: float
    end: float

    def __call__(self, fraction: float) -> float:
        """Return the value at ``fraction``; outside [0, 1] the nearer end."""
        if fraction <= 0.0:
            return self.start
        if fraction >= 1.0:  # the formula would be off by a rounding error
            return self.end
        if self.shape == "cosine":
            fraction = (1.0 - math.cos(math.pi * fraction)) / 2
        return self.start + (self.end - self.start) * fraction


@dataclass(frozen=True, slots=True)
class Chain:
    """Schedules one after the other; the ``i``-th begins at ``begins[i]``."""

    begins: tuple[float, ...]
    schedules: tuple[Schedule, ...]

    def __call__(self, fraction: float) -> float:
        """Return the value at ``fraction``; at a joint, of the schedule that begins there."""
        fraction = min(max(fraction, 0.0), 1.0)
        i = max(0, bisect_right(self.begins, fraction) - 1)
        begin = self.begins[i]
        end = self.begins[i + 1] if i + 1 < len(self.begins) else 1.0
        return self.schedules[i]((fraction - begin) / (end - begin))


@checked_keywords
def constant() -> Schedule:
    """Keep the peak rate throughout."""
    return Anneal("linear", 1.0, 1.0)


@checked_keywords
def linear(*, start: float = 1.0, end: float = 0.0) -> Schedule:
    """Go from ``start`` to ``end`` in a straight line.

    Example:
        >>> linear()(0.25)
        0.75
    """
    return Anneal("linear", _unit("linear", "start", start), _unit("linear", "end", end))


@checked_keywords
def cosine(*, start: float = 1.0, end: float = 0.0) -> Schedule:
    """Go from ``start`` to ``end`` along half a cosine wave (arXiv 1608.03983, equation 5)."""
    return Anneal("cosine", _unit("cosine", "start", start), _unit("cosine", "end", end))


@checked_keywords
def one_cycle(*, pct_start: float = 0.25, div: float = 25.0, div_final: float = 1e5) -> Schedule:
    """Warm up from 1/div to the peak, then anneal to 1/div_final.

    The policy of Smith 2018, "A disciplined approach to neural network hyper-parameters", arXiv
    1803.09820, with fastai's cosine phases and values in place of the paper's straight lines.

    Args:
        pct_start: fraction of the steps spent warming up, in (0, 1).
        div: peak rate / first rate, at least 1.
        div_final: peak rate / last rate, at least 1.

    Raises:
        ValueError: when an argument is out of range.
    """
    _check("one_cycle", "pct_start", pct_start, 0.0 < pct_start < 1.0, "between 0 and 1")
    for name, value in (("div", div), ("div_final", div_final)):
        _check("one_cycle", name, value, 1.0 <= value < math.inf, "at least 1")
    up, down = Anneal("cosine", 1.0 / div, 1.0), Anneal("cosine", 1.0, 1.0 / div_final)
    return Chain((0.0, float(pct_start)), (up, down))


@checked_keywords
def one_cycle_momentum(
    *, pct_start: float = 0.25, momentum: tuple[float, float, float] = (0.95, 0.85, 0.95)
) -> Schedule:
    """The momentum that goes with `one_cycle`: low while the rate is high.

    Returns momentum itself (beta1 of the Adam family), not a multiplier.

    Args:
        pct_start: the same as given to `one_cycle`.
        momentum: at the start, at the peak rate, at the end; each in [0, 1).

    Raises:
        ValueError: when an argument is out of range.
    """
    title = "one_cycle_momentum"
    _check(title, "pct_start", pct_start, 0.0 < pct_start < 1.0, "between 0 and 1")
    right = len(momentum) == 3 and all(0.0 <= value < 1.0 for value in momentum)
    _check(title, "momentum", momentum, right, "three values from 0 to below 1")
    first, middle, last = momentum
    pieces = (Anneal("cosine", first, middle), Anneal("cosine", middle, last))
    return Chain((0.0, float(pct_start)), pieces)


@checked_keywords
def flat_cosine(*, pct_start: float = 0.75, div_final: float = 1e5) -> Schedule:
    """Keep the peak rate, then anneal to 1/div_final (fastai's ``fit_flat_cos``).

    Args:
        pct_start: fraction of the steps at the peak rate, in [0, 1).
        div_final: peak rate / last rate, at least 1.

    Raises:
        ValueError: when an argument is out of range.
    """
    _check("flat_cosine", "pct_start", pct_start, 0.0 <= pct_start < 1.0, "from 0 to below 1")
    _check("flat_cosine", "div_final", div_final, 1.0 <= div_final < math.inf, "at least 1")
    down = Anneal("cosine", 1.0, 1.0 / div_final)
    return Chain((0.0, float(pct_start)), (constant(), down)) if pct_start else down


@checked_keywords
def warmup(schedule: Schedule, *, pct: float = 0.1, start: float = 0.0) -> Schedule:
    """Rise to the first value of ``schedule`` in a straight line, then follow it.

    Args:
        schedule: what to follow; it is squeezed into the steps that are left.
        pct: fraction of the steps spent warming up, in (0, 1).
        start: the first multiplier, in [0, 1].

    Raises:
        ValueError: when an argument is out of range.
    """
    _check("warmup", "pct", pct, 0.0 < pct < 1.0, "between 0 and 1")
    rise = Anneal("linear", _unit("warmup", "start", start), schedule(0.0))
    return Chain((0.0, float(pct)), (rise, schedule))


@checked_keywords
def combine(pcts: Sequence[float], schedules: Sequence[Schedule]) -> Schedule:
    """Run schedules one after the other, each over its own fraction of the fit.

    Restarts are a list of cosines: ``combine([1/3, 2/3], [cosine(), cosine()])`` is SGDR with
    T_mult = 2 (arXiv 1608.03983).

    Args:
        pcts: fraction of the steps for each schedule; positive, with sum 1.
        schedules: as many schedules.

    Raises:
        ValueError: when the fractions do not fit.
    """
    if len(pcts) != len(schedules) or not pcts:
        raise ValueError(
            "combine(): pcts and schedules must be equally long, at least 1, "
            f"found {len(pcts)} and {len(schedules)}."
        )
    right = all(pct > 0 for pct in pcts) and abs(math.fsum(pcts) - 1.0) < 1e-9
    _check("combine", "pcts", list(pcts), right, "positive, with sum 1")
    begins = tuple(math.fsum(pcts[:i]) for i in range(len(pcts)))
    return Chain(begins, tuple(schedules))


def _unit(title: str, name: str, value: float) -> float:
    _check(title, name, value, 0.0 <= value <= 1.0, "from 0 to 1")
    return float(value)


def _check(title: str, name: str, value: object, right: bool, expected: str) -> None:
    if not right:
        raise ValueError(f"{title}(): {name} must be {expected}, found {value!r}.")
