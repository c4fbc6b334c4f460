"""Schedules made of others."""

import math
from collections.abc import Sequence

from learnkit.names import checked_keywords
from learnkit.schedule.checks import check, unit
from learnkit.schedule.curve import Anneal, Chain, Curve, Schedule


@checked_keywords
def warmup(schedule: Schedule, *, pct: float = 0.1, start: float = 0.0) -> Curve:
    """Rise to the first value of ``schedule`` in a straight line, then follow it.

    Args:
        schedule: what to follow; it is squeezed into the steps that are left.
        pct: fraction of the steps spent warming up, in (0, 1).
        start: the first multiplier, in [0, 1].

    Raises:
        ValueError: when an argument is out of range.
    """
    check("warmup", "pct", pct, 0.0 < pct < 1.0, "between 0 and 1")
    rise = Anneal("linear", unit("warmup", "start", start), schedule(0.0))
    return Chain((0.0, float(pct)), (rise, schedule))


@checked_keywords
def combine(pcts: Sequence[float], schedules: Sequence[Schedule]) -> Curve:
    """Run schedules one after the other, each over its own fraction of the fit.

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
    check("combine", "pcts", list(pcts), right, "positive, with sum 1")
    begins = tuple(math.fsum(pcts[:i]) for i in range(len(pcts)))
    return Chain(begins, tuple(schedules))
