"""Lower the learning rate when a number no longer improves."""

import math
from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.monitor import Best, Mode, Monitor, best_from, check_mode, resolve
from learnkit.names import checked_keywords
from learnkit.state import State


class ReduceLROnPlateau(Callback):
    """Multiply the rate by ``factor`` when ``monitor`` has not improved for ``patience`` epochs.

    It multiplies the peak of every group, so it goes with any schedule, and with a scheduler of
    torch, in any order: from then on each gives ``factor`` of what it would have given. After the
    fit the peaks are again what they were.

    Args:
        monitor: a column of the table.
        factor: what the rate is multiplied by, between 0 and 1.
        patience: epochs without an improvement after which the rate falls, at least 1.
        min_delta: how much better than the best counts as an improvement, at least 0.
        cooldown: epochs after a fall in which none is counted, at least 0.
        min_lr: no group's peak is brought below it.
        mode: ``"min"`` or ``"max"``; None follows the metric's own direction.

    Raises:
        ValueError: when an option is out of range.
        MonitorError: at the start of a fit that does not compute ``monitor``.

    Example:
        ``learn.fit(50, callbacks=ReduceLROnPlateau("accuracy", factor=0.5, patience=5))``
    """

    @checked_keywords
    def __init__(
        self,
        monitor: str = "valid_loss",
        *,
        factor: float = 0.1,
        patience: int = 5,
        min_delta: float = 0.0,
        cooldown: int = 0,
        min_lr: float = 0.0,
        mode: Mode | None = None,
    ) -> None:
        _check("factor", factor, 0 < factor < 1, "between 0 and 1")
        for name, value, least in (("patience", patience, 1), ("cooldown", cooldown, 0)):
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
            _check(name, value, whole, f"a whole number of at least {least}")
        _check("min_delta", min_delta, min_delta >= 0, "at least 0")
        _check("min_lr", min_lr, 0 <= min_lr < math.inf, "at least 0")
        check_mode(mode, owner="ReduceLROnPlateau")
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta
        self.factor, self.min_lr = factor, min_lr
        self.patience, self.cooldown = patience, cooldown
        self.best, self.waited, self.cooling = Best(), 0, 0
        self._watch: Monitor | None = None
        self._peaks: list[float] = []

    @override
    def before_fit(self, state: State) -> None:
        self._peaks = []
        self._watch = resolve(
            self.monitor, self.mode, state.higher_is_better, owner="ReduceLROnPlateau"
        )
        self.best, self.waited, self.cooling = Best(), 0, 0
        self._peaks = [
            float(group.setdefault("initial_lr", float(group["lr"])))
            for group in state.optimizer.param_groups
        ]

    @override
    def after_epoch(self, state: State) -> None:
        value = state.metrics.get(self.monitor)
        if value is None or self._watch is None:  # an epoch that was cut short
            return
        if self._watch.improved(value, self.best.value, min_delta=self.min_delta):
            self.best, self.waited = Best(value, state.progress.epochs_done + 1), 0
        else:
            self.waited += 1
        if self.cooling > 0:
            self.cooling, self.waited = self.cooling - 1, 0
        elif self.waited >= self.patience:
            self._reduce(state)
            self.cooling, self.waited = self.cooldown, 0

    def _reduce(self, state: State) -> None:
        groups = state.optimizer.param_groups
        before = float(groups[-1]["initial_lr"])
        for group in groups:
            peak = float(group["initial_lr"])
            group["initial_lr"] = max(peak * self.factor, min(peak, self.min_lr))
        now = float(groups[-1]["initial_lr"])
        if now < before:
            epochs = "epoch" if self.waited == 1 else "epochs"
            state.say(
                f"{self.monitor} has not improved for {self.waited} {epochs} (best {self.best}): "
                f"the peak learning rate is now {now:.3g}, was {before:.3g}"
            )

    @override
    def after_fit(self, state: State) -> None:
        for group, peak in zip(state.optimizer.param_groups, self._peaks, strict=False):
            group["initial_lr"] = peak

    @override
    def state_dict(self) -> dict[str, Any]:
        # the lowered peaks themselves are in the optimizer's state
        return {
            "best": self.best.value,
            "best_epoch": self.best.epoch,
            "waited": self.waited,
            "cooling": self.cooling,
        }

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = best_from(state)
        self.waited, self.cooling = int(state["waited"]), int(state["cooling"])


def _check(name: str, value: object, right: bool, expected: str) -> None:
    if not right:
        raise ValueError(f"ReduceLROnPlateau(): {name} must be {expected}, found {value!r}.")
