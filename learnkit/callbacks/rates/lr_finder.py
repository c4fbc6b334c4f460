"""Sweep the learning rate over a short fit and record the loss."""

import math

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.lr_find import LRFindResult
from learnkit.names import checked_keywords
from learnkit.state import State

_SMOOTHING = 0.98


class LRFinder(Callback):
    """Raise the rate exponentially, one step at a time, until the loss diverges.

    Smith 2017, "Cyclical learning rates for training neural networks", arXiv 1506.01186, section
    3.3, with fastai's exponential sweep, smoothing (0.98, debiased) and end (4 times the lowest
    loss). Groups keep the ratios of their ``initial_lr``; the recorded rate is the last group's.
    It changes the weights: whoever runs it puts them back. Reads the loss at every step.

    Args:
        start: the first rate.
        end: the last rate.
        steps: how many, at least 2.
        diverge: stop when the smoothed loss exceeds the lowest by this factor, above 1.

    Raises:
        ValueError: when an option is out of range.
    """

    @checked_keywords
    def __init__(
        self, start: float = 1e-7, end: float = 10.0, steps: int = 100, *, diverge: float = 4.0
    ) -> None:
        if not (_is_number(start) and _is_number(end) and 0 < start < end < math.inf):
            raise ValueError(
                f"LRFinder(): expected 0 < start < end, found start={start!r} and end={end!r}."
            )
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
            raise ValueError(
                f"LRFinder(): steps must be a whole number of at least 2, found {steps!r}."
            )
        if not diverge > 1:
            raise ValueError(f"LRFinder(): diverge must be above 1, found {diverge!r}.")
        self.start, self.end, self.steps, self.diverge = start, end, steps, diverge
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self._running, self._lowest, self._step = 0.0, math.inf, 0

    @property
    def result(self) -> LRFindResult:
        """The curve so far."""
        return LRFindResult(self.lrs, self.losses)

    def lr_at(self, step: int) -> float:
        """Return the rate of step ``step``, counted from 0."""
        if step >= self.steps - 1:
            return self.end
        return self.start * math.pow(self.end / self.start, step / (self.steps - 1))

    @override
    def before_fit(self, state: State) -> None:
        self.lrs, self.losses = [], []
        self._running, self._lowest, self._step = 0.0, math.inf, 0
        for group in state.optimizer.param_groups:
            group.setdefault("initial_lr", float(group["lr"]))

    @override
    def before_step(self, state: State) -> None:
        lr = self.lr_at(self._step)
        groups = state.optimizer.param_groups
        last = groups[-1]["initial_lr"]
        for group in groups:
            group["lr"] = lr * (group["initial_lr"] / last if last > 0 else 1.0)
        self._record(lr, state)

    def _record(self, lr: float, state: State) -> None:
        """Take the loss that led to this step."""
        loss = float(state.loss.detach())
        self._step += 1
        if not math.isfinite(loss):
            state.stop(f"the loss became {loss} at learning rate {lr:.2e}")
            return
        self._running = _SMOOTHING * self._running + (1 - _SMOOTHING) * loss
        smoothed = self._running / (1 - _SMOOTHING**self._step)
        self.lrs.append(lr)
        self.losses.append(smoothed)
        self._lowest = min(self._lowest, smoothed)
        # equal to smoothed > diverge * lowest for a positive loss, and right for a negative one
        if smoothed - self._lowest > (self.diverge - 1) * abs(self._lowest):
            state.stop(f"the loss diverged at learning rate {lr:.2e}")
        elif self._step >= self.steps:
            state.stop(f"the sweep is complete after {self.steps} steps")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
