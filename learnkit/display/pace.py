"""How fast a fit goes, and how long it will take; from counts and a clock that others read."""

from collections.abc import Sequence


class Pace:
    """Counts what one phase has done, and how long epochs took.

    Batches that were done before a fit was stopped and went on are not counted as work of now.
    """

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._epoch_began = self._phase_began = 0.0
        self._from = 0

    def open_epoch(self, now: float) -> None:
        """Begin an epoch."""
        self._epoch_began = now

    def open_phase(self, now: float) -> None:
        """Begin a phase."""
        self._phase_began, self._from = now, 0

    def goes_on_at(self, batches_done: int) -> None:
        """Say how many of the phase's batches were done before it began here."""
        self._from = batches_done

    def close_epoch(self, now: float) -> float:
        """End an epoch; return its seconds."""
        self._seconds.append(now - self._epoch_began)
        return self._seconds[-1]

    def samples_per_second(
        self, now: float, *, batches_done: int, batch_size: int, n_samples: int
    ) -> float | None:
        """Return the speed of this phase; None before there is one.

        Args:
            now: the clock.
            batches_done: of the phase.
            batch_size: samples in all of its batches but the last.
            n_samples: in all of its batches.
        """
        seconds = now - self._phase_began
        done = min(batches_done * batch_size, n_samples) - self._from * batch_size
        return done / seconds if seconds > 0 and done > 0 else None

    def left(
        self, now: float, *, batches_done: int, batches_planned: int, epochs_left: int
    ) -> float | None:
        """Return the seconds until the fit ends; None while nothing is known.

        An epoch takes what the earlier ones took on average. In the first one only what was seen is
        known, so a validation that has not begun is not in it.

        Args:
            now: the clock.
            batches_done: of the phase.
            batches_planned: of the phase.
            epochs_left: after this one.
        """
        elapsed, done = now - self._epoch_began, batches_done - self._from
        if self._seconds:
            epoch = _mean(self._seconds)
        elif done > 0:
            each = (now - self._phase_began) / done
            epoch = elapsed + each * max(0, batches_planned - batches_done)
        else:
            return None
        return max(0.0, epoch - elapsed) + epoch * epochs_left

    def left_after_epoch(self, epochs_left: int) -> float:
        """Return the seconds that so many more epochs will take."""
        return _mean(self._seconds) * epochs_left if self._seconds else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
