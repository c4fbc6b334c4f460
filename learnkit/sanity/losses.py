"""Training losses that stand far above those before them. Knows numbers only."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

MEDIAN: Final = 10.0  # times the median of the losses before it
HIGHEST: Final = 5.0  # times the highest of them
WINDOW: Final = 100  # losses that both are of
LATEST: Final = 8  # of them are left out of the highest: a loss that grows is no news to itself
LEAST: Final = 20  # losses before one is judged; their median is the level that training began at
SMALL: Final = 8  # a batch of so few samples has to stand twice as high above that level


class Spike(NamedTuple):
    """A loss far above the running level."""

    number: int  # of the training batch
    loss: float
    median: float  # of those before it


class SpikeWatch:
    """Finds the first loss of a fit that is far above the running level.

    That is a loss of more than ten times the median of the last 100, five times the highest of
    them (the last eight apart), and (1 + 8 / batch size) times the level that training began at.
    The third is for a model that has nearly converged, whose median is close to zero: one hard
    sample is a hundred times that. The level is the median of the learner's first 20 losses, and at
    least ``floor``. Losses with a median of zero or less are not judged.

    Args:
        floor: of the level, such as log K, the cross entropy of guessing one of K classes.

    Attributes:
        batch_size: samples that a loss is the mean of.
    """

    def __init__(self, *, floor: float = 0.0) -> None:
        self.batch_size = 1
        self._floor = floor
        self._first: list[float] = []
        self._bar = math.inf
        self._found: Spike | None = None
        self._recent: deque[float] = deque(maxlen=WINDOW)

    def new_fit(self) -> None:
        """Forget what was found, and the running level, but not the level training began at."""
        self._recent.clear()
        self._found = None
        self._set_bar()

    def _set_bar(self) -> None:
        known = len(self._first) == LEAST
        level = max(self._floor, _median(self._first)) if known else math.inf
        self._bar = level * (1 + SMALL / self.batch_size)

    def feed(self, numbers: Sequence[int], losses: Sequence[float]) -> None:
        """Judge losses in their order; those that are not finite are somebody else's to report.

        Args:
            numbers: of the batches.
            losses: as many.
        """
        for number, loss in zip(numbers, losses, strict=True):
            if not math.isfinite(loss):
                continue
            if loss > self._bar and self._found is None:
                self._judge(number, loss)
            self._recent.append(loss)
            if len(self._first) < LEAST:
                self._first.append(loss)
                self._set_bar()

    def _judge(self, number: int, loss: float) -> None:
        before = list(islice(self._recent, max(0, len(self._recent) - LATEST)))
        if len(self._recent) >= LEAST and loss > HIGHEST * max(before):  # the cheaper one first
            median = _median(self._recent)
            if median > 0 and loss > MEDIAN * median:
                self._found = Spike(number, loss, median)

    def finding(self) -> str | None:
        """Say which batch it was and how to look at it, or None."""
        if self._found is None:
            return None
        number, loss, median = self._found
        return (
            f"the loss of training batch {number} was {loss:.4g}, and the median of those before "
            f"it {median:.4g}. learn.replay({number}) gives that batch as the model saw it. Where "
            "its samples are sound, try a lower learning rate or callbacks=GradientClip(1.0)."
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen, as plain values."""
        found = list(self._found) if self._found is not None else None
        return {"first": list(self._first), "recent": list(self._recent), "found": found}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._first = [float(loss) for loss in state["first"]]
        self._recent = deque(map(float, state["recent"]), maxlen=WINDOW)
        found = state["found"]
        self._found = (
            None if found is None else Spike(int(found[0]), float(found[1]), float(found[2]))
        )
        self._set_bar()


def _median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
