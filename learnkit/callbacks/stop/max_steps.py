"""Train for so many optimizer steps."""

from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class MaxSteps(Callback):
    """End the fit after so many optimizer steps; schedules reach their end there.

    The epoch in which the last step falls ends with it, and is validated; a bar counts epochs and
    time up to it. Give the fit as many epochs as the steps need, or more: it never trains longer
    than its epochs.

    Args:
        steps: of the optimizer in one fit, at least 1.

    Raises:
        ValueError: when ``steps`` is no whole number of at least 1.

    Example:
        ``learn.fit(1000, callbacks=MaxSteps(5000))``
    """

    @checked_keywords
    def __init__(self, steps: int) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(
                f"MaxSteps(): steps must be a whole number of at least 1, found {steps!r}."
            )
        self.steps = steps
        self._epochs: int | None = None  # planned by others, while this one's plan is in force

    @override
    def before_fit(self, state: State) -> None:
        self._epochs = None
        self._plan_steps(state)

    @override
    def before_phase(self, state: State) -> None:
        self._plan_steps(state)  # somebody may have planned anew
        if state.training:
            self._plan_epochs(state)

    @override
    def before_step(self, state: State) -> None:
        if state.progress.steps_done + 1 >= self.steps:
            state.end_phase()

    @override
    def after_epoch(self, state: State) -> None:
        if state.progress.steps_done >= self.steps:
            done = "1 step is" if self.steps == 1 else f"{self.steps} steps are"
            state.stop(f"{done} done")
        elif self._epochs is not None:
            # the plan of the next epoch is that of others again: its steps may be of more batches
            state.progress.epochs_planned = self._epochs

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self._epochs}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epochs = state["epochs"]

    def _plan_steps(self, state: State) -> None:
        state.progress.steps_planned = min(state.progress.steps_planned, self.steps)

    def _plan_epochs(self, state: State) -> None:
        """Count the epochs that the steps need, if all are as long as this one."""
        progress = state.progress
        self._epochs = progress.epochs_planned
        an_epoch = max(1, -(-progress.batches_planned // state.accumulate))
        needed = max(1, -(-(self.steps - progress.steps_done) // an_epoch))
        progress.epochs_planned = min(progress.epochs_planned, progress.epochs_done + needed)
