"""Stop a fit that no longer improves."""

import math
from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.monitor import Best, Mode, Monitor, best_from, check_mode, resolve
from learnkit.names import checked_keywords
from learnkit.state import State


class EarlyStopping(Callback):
    """End the fit when ``monitor`` has not improved for ``patience`` epochs in a row.

    Args:
        monitor: a column of the table.
        patience: epochs without an improvement after which to stop, at least 1.
        min_delta: how much better than the best counts as an improvement, at least 0.
        mode: ``"min"`` or ``"max"``; None follows the metric's own direction.

    Raises:
        ValueError: when an option is out of range.
        MonitorError: at the start of a fit that does not compute ``monitor``.

    Example:
        ``learn.fit(50, callbacks=EarlyStopping("accuracy", patience=5))``
    """

    @checked_keywords
    def __init__(
        self,
        monitor: str = "valid_loss",
        *,
        patience: int = 3,
        min_delta: float = 0.0,
        mode: Mode | None = None,
    ) -> None:
        if not isinstance(patience, int) or isinstance(patience, bool) or patience < 1:
            raise ValueError(
                "EarlyStopping(): patience must be a whole number of at least 1, "
                f"found {patience!r}."
            )
        number = isinstance(min_delta, int | float) and not isinstance(min_delta, bool)
        if not (number and 0 <= min_delta < math.inf):
            raise ValueError(f"EarlyStopping(): min_delta must be at least 0, found {min_delta!r}.")
        check_mode(mode, owner="EarlyStopping")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.mode = mode
        self.best = Best()
        self.waited = 0
        self._watch: Monitor | None = None

    @override
    def before_fit(self, state: State) -> None:
        self._watch = resolve(
            self.monitor, self.mode, state.higher_is_better, owner="EarlyStopping"
        )
        self.best, self.waited = Best(), 0

    @override
    def after_epoch(self, state: State) -> None:
        value = state.metrics.get(self.monitor)
        if value is None or self._watch is None:  # an epoch that was cut short
            return
        if self._watch.improved(value, self.best.value, min_delta=self.min_delta):
            self.best, self.waited = Best(value, state.progress.epochs_done + 1), 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            epochs = "epoch" if self.waited == 1 else "epochs"
            state.stop(
                f"{self.monitor} has not improved for {self.waited} {epochs} (best {self.best})"
            )

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best.value, "best_epoch": self.best.epoch, "waited": self.waited}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited = best_from(state), int(state["waited"])
