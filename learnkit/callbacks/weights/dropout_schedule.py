"""Change the strength of dropout over the fit."""

from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.schedule import Schedule
from learnkit.state import State


class DropoutSchedule(Callback):
    """Multiply the rate of every dropout layer by a function of the fraction done.

    Curriculum dropout (Morerio et al. 2017, arXiv 1703.06229, equation 3) raises it from 0:
    ``lambda done: 1 - math.exp(-10 * done)``. The rates are put back after the fit. Only
    ``nn.Dropout`` and its kin are changed: not stochastic depth, nor the dropout inside
    ``nn.MultiheadAttention``.

    Args:
        schedule: multiplier of each layer's own rate, for the fraction of the steps done in [0, 1].

    Raises:
        TypeError: when ``schedule`` is no function.
        ValueError: in the fit, when a rate leaves [0, 1]; at its start, when the model has no
            dropout.

    Example:
        ``learn.fit(10, callbacks=DropoutSchedule(lambda done: done))``
    """

    def __init__(self, schedule: Schedule) -> None:
        if not callable(schedule):
            raise TypeError(
                "DropoutSchedule() takes a function of the fraction done, found "
                f"{schedule!r}; a fixed multiplier is lambda done: 0.5."
            )
        self.schedule = schedule
        self._rates: list[tuple[_DropoutNd, float]] = []

    @override
    def before_fit(self, state: State) -> None:
        self._rates = [(m, m.p) for m in state.model.modules() if isinstance(m, _DropoutNd)]
        if not self._rates:
            raise ValueError(
                f"DropoutSchedule(): {_name(state.model)} has no dropout layer, so there is "
                "nothing to change; leave the callback out or add nn.Dropout to the model."
            )

    @override
    def before_batch(self, state: State) -> None:
        # in validation too: it may run with dropout on, and a fit may go on there
        fraction = state.progress.fraction
        multiplier = float(self.schedule(fraction))
        for layer, rate in self._rates:
            if not 0 <= rate * multiplier <= 1:
                raise ValueError(
                    f"DropoutSchedule(): the schedule gives {multiplier:g} at {fraction:g} of the "
                    f"fit, and {multiplier:g} times the layer's {rate:g} is no rate in [0, 1]."
                )
            layer.p = rate * multiplier

    @override
    def after_fit(self, state: State) -> None:
        for layer, rate in self._rates:
            layer.p = rate
        self._rates = []


def _name(model: nn.Module) -> str:
    return type(model).__name__
