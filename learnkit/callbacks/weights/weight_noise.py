"""Train with noise on the weights."""

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.optim import asks_for, words_for
from learnkit.state import State


class WeightNoise(Callback):
    """Compute each training batch with Gaussian noise on the weights, drawn anew.

    Forward and backward see ``w + std * N(0, 1)``; before the step the weights are exactly what
    they were, and the gradient found with the noise moves them (Graves et al. 2013, arXiv
    1303.5778, sec. 3, with 0.075 for speech). The noise is on the parameters of more than one
    dimension that train: not on norms and biases, nor on what is frozen. Validation, checkpoints
    and the model after the fit, however it ends, are without.

    The noise is taken off in ``before_step``, and in ``after_batch`` of a batch without a step: a
    callback that looks at the weights in one of these two should come after this one.

    Args:
        std: of the noise, in the units of the weights; at least 0.
        until: fraction of the fit, in steps, after which there is none, in [0, 1].

    Raises:
        ValueError: when an option is out of range, and at the start of a fit with L-BFGS.

    Example:
        ``learn.fit(10, callbacks=WeightNoise(0.01, until=0.8))``
    """

    @checked_keywords
    def __init__(self, std: float, *, until: float = 1.0) -> None:
        if not (_is_number(std) and 0 <= std < math.inf):
            raise ValueError(f"WeightNoise(): std must be a number of at least 0, found {std!r}.")
        if not (_is_number(until) and 0 <= until <= 1):
            raise ValueError(
                f"WeightNoise(): until must be a fraction of the fit in [0, 1], found {until!r}."
            )
        self.std = float(std)
        self.until = until
        self._kept: list[tuple[nn.Parameter, Tensor]] = []

    @override
    def before_fit(self, state: State) -> None:
        self._kept = []
        if asks_for(state.optimizer) is not None:
            raise ValueError(
                f"WeightNoise changes the gradient of a step, and {words_for(state.optimizer)} "
                "computes its own again and again within it; leave one of the two out."
            )

    @override
    def before_batch(self, state: State) -> None:
        if not state.training or state.progress.fraction >= self.until or not self.std:
            return
        weights = [p for p in state.model.parameters() if p.ndim > 1 and p.requires_grad]
        self._kept = [(p, p.detach().clone()) for p in weights]
        with torch.no_grad():
            for parameter in weights:
                parameter.add_(torch.randn_like(parameter), alpha=self.std)

    @override
    def before_step(self, state: State) -> None:
        self._take_off()

    @override
    def after_batch(self, state: State) -> None:
        self._take_off()  # of a batch without a step

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        self._take_off()

    @override
    def after_fit(self, state: State) -> None:
        self._take_off()

    def _take_off(self) -> None:
        # by the copy: adding and subtracting would leave the last bits changed
        with torch.no_grad():
            for parameter, value in self._kept:
                parameter.copy_(value)
        self._kept = []


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
