"""End a fit so that its last validation is over in time. Knows clocks and State, no callback."""

from time import monotonic

from learnkit.state import State


class Deadline:
    """Watches how long batches and validations take, and ends a fit early enough for them.

    Its methods are called by the hooks of their names, with the seconds that are left. Where
    little is left, the batch that is about to run is the last of its epoch; validation follows.
    """

    def __init__(self) -> None:
        self._batch = self._valid = 0.0  # the longest so far, in seconds
        self._valid_began: float | None = None
        self._last: float | None = None
        self.is_over = False

    def before_phase(self, state: State) -> None:
        """Begin to measure."""
        self._last = None
        if state.training:
            self._valid_began = None
        elif self._valid_began is None:  # a fit that goes on before its validation
            self._valid_began = monotonic()

    def before_batch(self, state: State, left: float) -> None:
        """Make this batch the last one if the time of another might not be left."""
        if not state.training:
            return
        now = monotonic()
        if self._last is not None:
            self._batch = max(self._batch, now - self._last)
        self._last = now
        if left < 2 * self._batch + self._valid:
            self.is_over = True
            state.end_phase()

    def after_batch(self, state: State) -> None:
        """Begin to measure what follows the last batch: others may need time before validation."""
        if state.training:
            self._valid_began = monotonic()

    def after_phase(self, state: State) -> None:
        """Note how long validation takes."""
        if not state.training:
            self._note()

    def _note(self) -> None:
        if self._valid_began is not None:
            self._valid = max(self._valid, monotonic() - self._valid_began)

    def after_epoch(self, state: State, left: float, reason: str) -> None:
        """Stop the fit when its time is up, or too short for an epoch of one batch."""
        self._note()  # without a validation there may be work too
        self._valid_began = None
        if self.is_over or left < self._batch + self._valid:
            state.stop(reason)
