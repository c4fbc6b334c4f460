"""Schedules of whole fits: one cycle, flat then cosine, warm restarts."""

import math

from learnkit.names import checked_keywords
from learnkit.schedule.checks import check, check_count, unit
from learnkit.schedule.curve import Anneal, Chain, Curve
from learnkit.schedule.shapes import constant


@checked_keywords
def one_cycle(*, pct_start: float = 0.25, div: float = 25.0, div_final: float = 1e5) -> Curve:
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
    check("one_cycle", "pct_start", pct_start, 0.0 < pct_start < 1.0, "between 0 and 1")
    for name, value in (("div", div), ("div_final", div_final)):
        check("one_cycle", name, value, 1.0 <= value < math.inf, "at least 1")
    up, down = Anneal("cosine", 1.0 / div, 1.0), Anneal("cosine", 1.0, 1.0 / div_final)
    return Chain((0.0, float(pct_start)), (up, down))


@checked_keywords
def one_cycle_momentum(
    *, pct_start: float = 0.25, momentum: tuple[float, float, float] = (0.95, 0.85, 0.95)
) -> Curve:
    """The momentum that goes with `one_cycle`: low while the rate is high.

    Returns momentum itself (beta1 of the Adam family), not a multiplier.

    Args:
        pct_start: the same as given to `one_cycle`.
        momentum: at the start, at the peak rate, at the end; each in [0, 1).

    Raises:
        ValueError: when an argument is out of range.
    """
    title = "one_cycle_momentum"
    check(title, "pct_start", pct_start, 0.0 < pct_start < 1.0, "between 0 and 1")
    right = len(momentum) == 3 and all(0.0 <= value < 1.0 for value in momentum)
    check(title, "momentum", momentum, right, "three values from 0 to below 1")
    first, middle, last = momentum
    pieces = (Anneal("cosine", first, middle), Anneal("cosine", middle, last))
    return Chain((0.0, float(pct_start)), pieces)


@checked_keywords
def flat_cosine(*, pct_start: float = 0.75, div_final: float = 1e5) -> Curve:
    """Keep the peak rate, then anneal to 1/div_final (fastai's ``fit_flat_cos``).

    Args:
        pct_start: fraction of the steps at the peak rate, in [0, 1).
        div_final: peak rate / last rate, at least 1.

    Raises:
        ValueError: when an argument is out of range.
    """
    check("flat_cosine", "pct_start", pct_start, 0.0 <= pct_start < 1.0, "from 0 to below 1")
    check("flat_cosine", "div_final", div_final, 1.0 <= div_final < math.inf, "at least 1")
    down = Anneal("cosine", 1.0, 1.0 / div_final)
    return Chain((0.0, float(pct_start)), (constant(), down)) if pct_start else down


@checked_keywords
def sgdr(n_cycles: int, *, cycle_mult: int = 2, end: float = 0.0) -> Curve:
    """Fall by a cosine to ``end`` and restart at the peak, ``n_cycles`` times.

    Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", arXiv
    1608.03983, equation 5; ``cycle_mult`` is their T_mult. T_0 is what the fit's length leaves for
    the first cycle. The first step of each cycle has the peak rate exactly.

    Args:
        n_cycles: how many, at least 1.
        cycle_mult: how many times longer each cycle is than the one before, at least 1.
        end: the lowest multiplier (their eta_min / eta_max), in [0, 1].

    Raises:
        ValueError: when an argument is out of range.

    Example:
        >>> sgdr(3)(1 / 7), sgdr(3)(3 / 7)
        (1.0, 1.0)
    """
    check_count("sgdr", "n_cycles", n_cycles)
    check_count("sgdr", "cycle_mult", cycle_mult)
    down = Anneal("cosine", 1.0, unit("sgdr", "end", end))
    # quotients of whole numbers: the fraction of the steps done at a restart is the same number
    total = cycles_length(n_cycles, cycle_mult)
    begins = tuple(cycles_length(i, cycle_mult) / total for i in range(n_cycles))
    return Chain(begins, (down,) * n_cycles)


def cycles_length(n_cycles: int, cycle_mult: int) -> int:
    """Return how long ``n_cycles`` cycles are together, in lengths of the first."""
    return sum(cycle_mult**i for i in range(n_cycles))
