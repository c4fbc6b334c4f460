"""The plain shapes: one curve from the first step to the last, or steps."""

import math
from collections.abc import Sequence
from itertools import pairwise

from learnkit.names import checked_keywords
from learnkit.schedule.checks import check, unit
from learnkit.schedule.curve import Anneal, Chain, Curve


@checked_keywords
def constant() -> Curve:
    """Keep the peak rate throughout."""
    return Anneal("linear", 1.0, 1.0)


@checked_keywords
def linear(*, start: float = 1.0, end: float = 0.0) -> Curve:
    """Go from ``start`` to ``end`` in a straight line.

    Example:
        >>> linear()(0.25)
        0.75
    """
    return Anneal("linear", unit("linear", "start", start), unit("linear", "end", end))


@checked_keywords
def cosine(*, start: float = 1.0, end: float = 0.0) -> Curve:
    """Go from ``start`` to ``end`` along half a cosine wave (arXiv 1608.03983, equation 5)."""
    return Anneal("cosine", unit("cosine", "start", start), unit("cosine", "end", end))


@checked_keywords
def polynomial(*, power: float = 2.0, start: float = 1.0, end: float = 0.0) -> Curve:
    """Go to ``end`` by a power of the fraction left, as ``torch``'s PolynomialLR and DeepLab.

    Chen et al. 2017, arXiv 1606.00915, section 4.1, have ``power=0.9``; 1 is a straight line, and
    a higher power falls faster at first.

    Raises:
        ValueError: when an argument is out of range.

    Example:
        >>> polynomial(power=2)(0.5)
        0.25
    """
    title = "polynomial"
    check(title, "power", power, 0.0 < power < math.inf, "above 0")
    ends = unit(title, "start", start), unit(title, "end", end)
    return Anneal("polynomial", *ends, power=float(power))


@checked_keywords
def exponential(*, start: float = 1.0, end: float = 0.01) -> Curve:
    """Multiply by the same factor at every step, from ``start`` to ``end``; both above 0.

    Raises:
        ValueError: when an end is not in (0, 1].

    Example:
        >>> round(exponential(end=0.01)(0.5), 10)
        0.1
    """
    for name, value in (("start", start), ("end", end)):
        check("exponential", name, value, 0.0 < value <= 1.0, "above 0, at most 1")
    return Anneal("exponential", float(start), float(end))


@checked_keywords
def piecewise(boundaries: Sequence[float], values: Sequence[float]) -> Curve:
    """Keep one value up to each boundary, then the next one.

    He et al. 2016 (arXiv 1512.03385, section 3.4) divide the rate by 10 twice:
    ``piecewise([1 / 2, 3 / 4], [1, 0.1, 0.01])``. For slopes between the boundaries use `combine`.

    Args:
        boundaries: fractions of the steps, rising, in (0, 1).
        values: one more than boundaries, each in [0, 1]; at a boundary the later one holds.

    Raises:
        ValueError: when the two do not fit, or one is out of range.
    """
    title = "piecewise"
    inside = all(0.0 < boundary < 1.0 for boundary in boundaries)
    rising = inside and all(a < b for a, b in pairwise(boundaries))
    check(title, "boundaries", list(boundaries), rising, "rising fractions between 0 and 1")
    if len(values) != len(boundaries) + 1:
        raise ValueError(
            f"{title}(): values must be one more than boundaries, found {len(values)} values and "
            f"{len(boundaries)} boundaries."
        )
    kept = [unit(title, "values", value) for value in values]
    begins = (0.0, *map(float, boundaries))
    return Chain(begins, tuple(Anneal("linear", value, value) for value in kept))
