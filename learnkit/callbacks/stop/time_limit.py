"""Be done by a moment of the clock, as a cluster's job must be."""

from datetime import datetime, timedelta

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.deadline import Deadline
from learnkit.names import checked_keywords
from learnkit.state import State


class TimeLimit(Callback):
    """End the fit before a moment of the clock, its last validation included.

    When it is nearly time, by the longest batch and the longest validation so far, the epoch ends
    with the batch that runs, and is validated. The fit is then finished, with checkpoints too: for
    a fit that the next job shall go on with, leave this out and let the cluster's SIGTERM end it.

    Args:
        until: a ``datetime``, of local time where it has no zone; or "HH:MM", the next moment at
            which the local clock shows it.
        margin: minutes to be done before that, for saving and the like; at least 0.

    Raises:
        ValueError: when ``until`` is no moment or lies in the past, or ``margin`` is below 0.

    Example:
        ``learn.fit(100, callbacks=TimeLimit("06:00"))``
    """

    @checked_keywords
    def __init__(self, until: datetime | str, *, margin: float = 1.0) -> None:
        if isinstance(margin, bool) or not isinstance(margin, int | float) or not margin >= 0:
            raise ValueError(
                f"TimeLimit(): margin must be minutes of at least 0, found {margin!r}."
            )
        self.until = _moment(until)
        self.margin = float(margin)
        if self._left <= 0:
            raise ValueError(
                f"TimeLimit(): less than the margin of {self.margin:g} minutes is left until "
                f"{self.until:%Y-%m-%d %H:%M}; give a later moment."
            )
        self._deadline = Deadline()

    @override
    def before_fit(self, state: State) -> None:
        self._deadline = Deadline()

    @override
    def before_phase(self, state: State) -> None:
        self._deadline.before_phase(state)

    @override
    def before_batch(self, state: State) -> None:
        self._deadline.before_batch(state, self._left)

    @override
    def after_batch(self, state: State) -> None:
        self._deadline.after_batch(state)

    @override
    def after_phase(self, state: State) -> None:
        self._deadline.after_phase(state)

    @override
    def after_epoch(self, state: State) -> None:
        reason = f"it is nearly {self.until:%Y-%m-%d %H:%M}"
        self._deadline.after_epoch(state, self._left, reason)

    @property
    def _left(self) -> float:
        return (self.until - _now()).total_seconds() - self.margin * 60


def _now() -> datetime:
    return datetime.now().astimezone()


def _moment(until: datetime | str) -> datetime:
    """Return a moment with its zone."""
    if isinstance(until, datetime):
        return until.astimezone()
    try:
        clock = datetime.strptime(until, "%H:%M")
    except (TypeError, ValueError):
        raise ValueError(
            f'TimeLimit(): until must be a datetime or "HH:MM", found {until!r}.'
        ) from None
    now = _now()
    found = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
    return found if found > now else found + timedelta(days=1)
