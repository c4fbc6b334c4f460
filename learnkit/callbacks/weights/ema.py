"""Evaluate an exponential moving average of the weights."""

from collections.abc import Callable
from typing import Any

from torch.optim.swa_utils import get_ema_multi_avg_fn
from typing_extensions import override

from learnkit.averages import Averages
from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class EMA(Callback):
    """Keep an exponential moving average of the weights; validate it, save it, end with it.

    After every step ``average = d * average + (1 - d) * weights`` (Polyak and Juditsky 1992; as in
    Tarvainen and Valpola 2017, arXiv 1703.01780, equation 1), for parameters that train and for
    BatchNorm's statistics, as timm does. Training itself is not changed by it. The average is in
    the model from validation, or without one from the end of training, to the end of the epoch, so
    that metrics, `SaveBest` and the weights in checkpoints are its own, and after the fit; while
    training, and after an error, the model has its own weights. The next fit begins with the
    average, and begins a new one.

    It takes the memory of the weights once more, and while validating twice.

    Args:
        decay: d, in [0, 1), from the first step on; 0.99 remembers about 100 steps. None is 0.999
            with a warm-up, which suits fits of any length.
        warmup: whether to take ``min(d, (1 + t) / (10 + t))`` in step t (as TensorFlow's
            ExponentialMovingAverage), so that a short fit does not end with its first weights; None
            does so where ``decay`` is None.
        every: move the average after so many steps, by ``d ** every``.

    Raises:
        ValueError: when an option is out of range.

    Example:
        ``learn.fit(10, callbacks=EMA())``
    """

    @checked_keywords
    def __init__(
        self, decay: float | None = None, *, warmup: bool | None = None, every: int = 1
    ) -> None:
        self.warmup = decay is None if warmup is None else bool(warmup)
        decay = 0.999 if decay is None else decay
        number = isinstance(decay, int | float) and not isinstance(decay, bool)
        if not (number and 0 <= decay < 1):
            raise ValueError(f"EMA(): decay must be a number in [0, 1), found {decay!r}.")
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ValueError(
                f"EMA(): every must be a whole number of steps of at least 1, found {every!r}."
            )
        self.decay, self.every = float(decay), every
        self.steps = 0
        self._averages = Averages()

    @override
    def before_fit(self, state: State) -> None:
        self._averages.begin(state.model)
        self.steps = 0

    @override
    def before_phase(self, state: State) -> None:
        if state.training:
            self._averages.put_back()
            self._averages.watch(state.model)
        else:
            self._averages.put_in()

    @override
    def after_forward(self, state: State) -> None:
        if state.training:
            self._averages.settle(state.model)

    @override
    def after_step(self, state: State) -> None:
        self.steps += 1
        if self.steps % self.every == 0:
            make: Callable[[float], Any] = get_ema_multi_avg_fn  # which torch has not typed
            move = make(self._decay_now())
            self._averages.move(lambda averages, values: move(averages, values, None))

    @override
    def after_phase(self, state: State) -> None:
        if state.training and (state.valid_dl is None or state.stop_reason is not None):
            self._averages.put_in()  # no validation follows: be there before anybody saves

    @override
    def after_epoch(self, state: State) -> None:
        self._averages.put_in()  # a validation was left out

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        self._averages.put_back()

    @override
    def after_fit(self, state: State) -> None:
        self._averages.release()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, **self._averages.state_dict()}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])
        self._averages.load_state_dict(state)

    def _decay_now(self) -> float:
        """Return by how much the average is kept in this move."""
        t = self.steps // self.every
        decay: float = self.decay**self.every
        return min(decay, (1 + t) / (10 + t)) if self.warmup else decay
