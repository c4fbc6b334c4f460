"""Look at the validation numbers inside an epoch."""

from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class ValidateEvery(Callback):
    """Validate every so many optimizer steps; for epochs that take hours.

    Runs a whole validation with the weights as they are in that step (not an average of `EMA`'s),
    without hooks and without a trace: the fit is the same to the last bit.

    Args:
        steps: between two validations, at least 1.

    Raises:
        ValueError: when ``steps`` is no whole number of at least 1, and at the start of a fit whose
            data has no validation samples.

    Attributes:
        rows: of the last fit: ``{"step": 200, "valid_loss": 0.31, ...}``; steps are those done.

    Example:
        ``learn.fit(1, callbacks=ValidateEvery(steps=500))``
    """

    looks_on = True

    @checked_keywords
    def __init__(self, steps: int) -> None:
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise ValueError(
                f"ValidateEvery(): steps must be a whole number of at least 1, found {steps!r}."
            )
        self.steps = steps
        self.rows: list[dict[str, float]] = []

    @override
    def before_fit(self, state: State) -> None:
        if state.valid_dl is None:
            raise ValueError(
                "ValidateEvery() needs validation samples, and the data has none; split some off, "
                "as with valid_pct=0.2, or leave the callback out."
            )
        self.rows = []

    @override
    def after_step(self, state: State) -> None:
        done = state.progress.steps_done
        if done % self.steps:
            return
        row = {"step": done, **state.validate()}
        self.rows.append(row)
        numbers = "  ".join(f"{name} {row[name]:.4f}" for name in row if name != "step")
        state.say(f"step {done}: {numbers}")

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"rows": [dict(row) for row in self.rows]}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = [dict(row) for row in state["rows"]]
