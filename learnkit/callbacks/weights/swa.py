"""End with the mean of the weights of several epochs."""

import signal
from collections.abc import Callable
from typing import Any, Literal

from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_swa_multi_avg_fn
from typing_extensions import override

from learnkit.averages import Averages
from learnkit.callback import Callback
from learnkit.models.norm_statistics import renew_statistics
from learnkit.names import checked_keywords
from learnkit.precision import autocast_of
from learnkit.signals import Interrupts
from learnkit.state import State


class SWA(Callback):
    """Average the weights at the ends of the last epochs; validate the mean and end with it.

    Stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407, algorithm 1): an equal
    mean, best taken along a path at a rate that stays high, such as ``schedule=constant()``. The
    mean is in the model from validation, or without one from the end of training, to the end of the
    epoch, and after the fit; while training, and after an error or Ctrl-C, the model has its own
    weights.

    Nobody trained with the mean's weights, so BatchNorm's statistics are computed anew for them
    (the paper's last line): from ``start`` on each epoch has one more pass over the training
    batches, forward only, where a BatchNorm trains.

    Args:
        start: fraction of the fit's steps in [0, 1] from which on weights are taken.
        every: ``"epoch"`` takes them at the end of each epoch; a number after so many steps.

    Raises:
        ValueError: when an option is out of range.

    Attributes:
        count: how many times weights were taken; until the first, the model has its own.

    Example:
        ``learn.fit(20, callbacks=SWA(start=0.5))``
    """

    @checked_keywords
    def __init__(self, start: float = 0.75, *, every: int | Literal["epoch"] = "epoch") -> None:
        number = isinstance(start, int | float) and not isinstance(start, bool)
        if not (number and 0 <= start <= 1):
            raise ValueError(f"SWA(): start must be a fraction in [0, 1], found {start!r}.")
        whole = isinstance(every, int) and not isinstance(every, bool) and every >= 1
        if not whole and every != "epoch":
            raise ValueError(
                'SWA(): every must be "epoch" or a whole number of steps of at least 1, '
                f"found {every!r}."
            )
        self.start, self.every = float(start), every
        self.count = self._steps = 0
        self._averages = Averages()

    @override
    def before_fit(self, state: State) -> None:
        self._averages.begin(state.model)
        self.count = self._steps = 0

    @override
    def before_phase(self, state: State) -> None:
        if state.training:
            self._averages.put_back()
            self._averages.watch(state.model)
        else:
            self._put_in(state)

    @override
    def after_forward(self, state: State) -> None:
        if state.training:
            self._averages.settle(state.model)

    @override
    def after_step(self, state: State) -> None:
        if self.every != "epoch" and state.progress.fraction >= self.start:
            self._steps += 1
            if self._steps % self.every == 0:
                self._take()

    @override
    def after_phase(self, state: State) -> None:
        if not state.training:
            return
        if self.every == "epoch" and state.progress.fraction >= self.start:
            self._take()
        if state.valid_dl is None or state.stop_reason is not None:
            self._put_in(state)  # no validation follows: be there before anybody saves

    @override
    def after_epoch(self, state: State) -> None:
        self._put_in(state)  # a validation was left out

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        self._averages.put_back()

    @override
    def after_fit(self, state: State) -> None:
        self._averages.release()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "steps": self._steps, **self._averages.state_dict()}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count, self._steps = int(state["count"]), int(state["steps"])
        self._averages.load_state_dict(state)

    def _take(self) -> None:
        make: Callable[[], Any] = get_swa_multi_avg_fn  # which torch has not typed
        move, count = make(), self.count
        self._averages.move(lambda averages, values: move(averages, values, count))
        self.count += 1

    def _put_in(self, state: State) -> None:
        if not self.count or self._averages.inside or _is_a_signal(state.stop_reason):
            return  # after a signal the model gets its own weights: spare the pass
        self._averages.put_in()
        norms = [
            module
            for name, module in state.model.named_modules()
            if isinstance(module, _BatchNorm) and f"{name}.running_mean" in self._averages.names
        ]
        if norms:
            with autocast_of(state.precision, state.device.type):
                renew_statistics(state.model, norms, (b.x for b in state.training_batches()))
            self._averages.take_from_model()


def _is_a_signal(stop_reason: str | None) -> bool:
    """Say whether Ctrl-C or SIGTERM stops the fit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        interrupts = Interrupts()
        interrupts.pending = number
        if stop_reason == interrupts.reason:
            return True
    return False
