"""Train for so many optimizer steps."""

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class MaxSteps(Callback):
    """End the fit after so many optimizer steps; schedules reach their end there.

    The epoch in which the last step falls ends with it, and is validated. Give the fit as many
    epochs as the steps need, or more: it never trains longer than its epochs.

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

    @override
    def before_fit(self, state: State) -> None:
        self._plan(state)

    @override
    def before_phase(self, state: State) -> None:
        self._plan(state)  # somebody may have planned anew

    @override
    def before_step(self, state: State) -> None:
        if state.progress.steps_done + 1 >= self.steps:
            state.end_phase()

    @override
    def after_epoch(self, state: State) -> None:
        if state.progress.steps_done >= self.steps:
            done = "1 step is" if self.steps == 1 else f"{self.steps} steps are"
            state.stop(f"{done} done")

    def _plan(self, state: State) -> None:
        state.progress.steps_planned = min(state.progress.steps_planned, self.steps)
