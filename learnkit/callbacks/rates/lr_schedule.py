"""Move the learning rate, and momentum if wanted, along a schedule."""

from typing import Any, Final

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.schedule import Schedule
from learnkit.state import State

_INITIAL: Final = "initial_momentum"


class LRSchedule(Callback):
    """Set each group's rate to its own peak rate times ``schedule(fraction done)``.

    A group's peak is its ``initial_lr`` (torch's own key), or the ``lr`` it has at the start of the
    fit. The first step sees ``schedule(0)``. Nothing is remembered between steps, so a resumed fit
    goes on exactly.

    Args:
        schedule: multiplier of the peak rate over the fit.
        momentum: momentum over the fit, as itself and not as a multiplier; sets beta1 of the Adam
            family, or ``momentum`` of an optimizer that was made with some. Whatever it was before
            the fit is put back after it.
    """

    def __init__(self, schedule: Schedule, momentum: Schedule | None = None) -> None:
        self.schedule = schedule
        self.momentum = momentum

    @override
    def before_fit(self, state: State) -> None:
        for group in state.optimizer.param_groups:
            group.setdefault("initial_lr", float(group["lr"]))
            if self.momentum is not None and _momentum_of(group):
                # kept in the group so that a checkpoint of the optimizer holds it
                group.setdefault(_INITIAL, _momentum_of(group))

    @override
    def before_step(self, state: State) -> None:
        fraction = state.progress.fraction
        multiplier = self.schedule(fraction)
        momentum = self.momentum(fraction) if self.momentum is not None else None
        for group in state.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * multiplier
            if momentum is not None and _INITIAL in group:
                _set_momentum(group, momentum)

    @override
    def after_fit(self, state: State) -> None:
        for group in state.optimizer.param_groups:
            if _INITIAL in group:
                _set_momentum(group, group.pop(_INITIAL))


def _momentum_of(group: dict[str, Any]) -> float:
    """0 where there is none: plain SGD, which then stays plain, or Adagrad."""
    return float(group["betas"][0] if "betas" in group else group.get("momentum", 0.0))


def _set_momentum(group: dict[str, Any], momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
