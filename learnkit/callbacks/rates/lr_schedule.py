"""Move the learning rate, and momentum if wanted, along a schedule."""

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.optim import keep_momentum, kept_momentum, put_momentum_back, set_momentum
from learnkit.schedule import Schedule
from learnkit.state import State


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
            if self.momentum is not None:
                keep_momentum(group)

    @override
    def before_step(self, state: State) -> None:
        fraction = state.progress.fraction
        multiplier = self.schedule(fraction)
        momentum = self.momentum(fraction) if self.momentum is not None else None
        for group in state.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * multiplier
            if momentum is not None:
                for name in kept_momentum(group):
                    set_momentum(group, name, momentum)

    @override
    def after_fit(self, state: State) -> None:
        if self.momentum is not None:
            for group in state.optimizer.param_groups:
                put_momentum_back(group)
