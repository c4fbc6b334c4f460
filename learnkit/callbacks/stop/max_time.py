"""Train for so many minutes."""

import math
from time import monotonic
from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.deadline import Deadline
from learnkit.names import checked_keywords
from learnkit.state import State


class MaxTime(Callback):
    """End the fit after so many minutes, its last validation included.

    Counted from the beginning of the fit; a fit that is resumed has what is left. When the time is
    nearly up, by the longest batch and the longest validation so far, the epoch ends with the
    batch that runs, and is validated. The first validation of a fit is a surprise: its time is not
    known before.

    Args:
        minutes: above 0; fractions are welcome.

    Raises:
        ValueError: when ``minutes`` is no number above 0.

    Attributes:
        seconds: how long the fit has run, over all its processes, when it was last looked at.

    Example:
        ``learn.fit(100, callbacks=MaxTime(20))``
    """

    @checked_keywords
    def __init__(self, minutes: float) -> None:
        number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
        if not (number and 0 < minutes < math.inf):
            raise ValueError(f"MaxTime(): minutes must be a number above 0, found {minutes!r}.")
        self.minutes = float(minutes)
        self.seconds = 0.0
        self._looked = 0.0
        self._deadline = Deadline()

    @override
    def before_fit(self, state: State) -> None:
        self.seconds, self._looked, self._deadline = 0.0, monotonic(), Deadline()

    @override
    def before_phase(self, state: State) -> None:
        self._deadline.before_phase(state)

    @override
    def before_batch(self, state: State) -> None:
        self._deadline.before_batch(state, self._left())

    @override
    def after_batch(self, state: State) -> None:
        self._deadline.after_batch(state)

    @override
    def after_phase(self, state: State) -> None:
        self._deadline.after_phase(state)

    @override
    def after_epoch(self, state: State) -> None:
        words = "1 minute is" if self.minutes == 1 else f"{self.minutes:g} minutes are"
        self._deadline.after_epoch(state, self._left(), f"{words} over")

    @override
    def after_fit(self, state: State) -> None:
        self._left()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seconds, self._looked = float(state["seconds"]), monotonic()

    def _left(self) -> float:
        """Add the time since the last look, and return the seconds that are left."""
        now = monotonic()
        self.seconds, self._looked = self.seconds + now - self._looked, now
        return self.minutes * 60 - self.seconds
