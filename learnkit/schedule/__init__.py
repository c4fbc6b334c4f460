"""How the learning rate, or any other number, moves over a fit: pure functions of the fraction.

A `Schedule` takes the fraction of the fit's steps that are done, in [0, 1], and returns a
multiplier of the peak learning rate, in [0, 1]. Being pure, it needs no state of its own: a resumed
fit goes on where it stopped. Each one made here is a `Curve`: a frozen value that can be compared
and printed, and draws itself by ``plot()``. Any function of the fraction serves as well. Knows no
optimizer.
"""

from learnkit.schedule.curve import Anneal, Chain, Curve, Schedule
from learnkit.schedule.cycles import (
    cycles_length,
    flat_cosine,
    one_cycle,
    one_cycle_momentum,
    sgdr,
)
from learnkit.schedule.joined import combine, warmup
from learnkit.schedule.shapes import (
    constant,
    cosine,
    exponential,
    linear,
    piecewise,
    polynomial,
)

__all__ = [
    "Anneal",
    "Chain",
    "Curve",
    "Schedule",
    "combine",
    "constant",
    "cosine",
    "cycles_length",
    "exponential",
    "flat_cosine",
    "linear",
    "one_cycle",
    "one_cycle_momentum",
    "piecewise",
    "polynomial",
    "sgdr",
    "warmup",
]
