"""Validate with dropout on, averaged over several passes."""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.errors import ModelError
from learnkit.forward import full
from learnkit.losses import sigmoid, softmax
from learnkit.names import checked_keywords, did_you_mean
from learnkit.precision import autocast_of
from learnkit.state import State

Average: TypeAlias = Literal["softmax", "sigmoid", "identity"]


class MCDropout(Callback):
    """Validate by the mean of ``n`` passes with dropout on (Gal and Ghahramani, arXiv 1506.02142).

    Monte-Carlo dropout (2016, equation 6): each pass draws which units are left out, and the means
    of the probabilities are what ``valid_loss`` and the metrics are computed of. So an epoch's row
    tells how good the averaged predictions are; training is as it always is, and validation takes
    ``n`` times as long. Dropout is that of torch's layers; what a layer does by itself, such as
    attention's own dropout, stays off.

    Args:
        n: passes over each validation batch, at least 1.
        average: what is averaged: probabilities by ``"softmax"`` or ``"sigmoid"``, which become
            logits again, or predictions as they are, ``"identity"``. None goes by the targets:
            softmax for class numbers, sigmoid for booleans, identity for floats.

    Raises:
        ValueError: when an option is out of range.
        ModelError: at the start of the fit, when the model has no dropout layer.

    Example:
        ``learn.fit(5, callbacks=MCDropout(20))``
    """

    @checked_keywords
    def __init__(self, n: int = 10, *, average: Average | None = None) -> None:
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"MCDropout(): n must be a whole number of at least 1, found {n!r}.")
        options = get_args(Average)
        if average is not None and average not in options:
            hint = did_you_mean(str(average), options)
            raise ValueError(
                f"MCDropout(): average must be one of {', '.join(options)}, or None; found "
                f"{average!r}.{hint}"
            )
        self.n = n
        self.average = average
        self._on: list[nn.Module] = []

    @override
    def before_fit(self, state: State) -> None:
        self._on = []
        if not _dropout_layers(state.model):
            raise ModelError(
                "MCDropout needs a model with dropout layers, such as nn.Dropout; this one has "
                "none."
            )

    @override
    def before_phase(self, state: State) -> None:
        if not state.training:
            self._on = [layer for layer in _dropout_layers(state.model) if not layer.training]
            for layer in self._on:
                layer.training = True

    @override
    def after_forward(self, state: State) -> None:
        if state.training or self.n == 1:
            return
        forth, back = _means(self.average or _by_targets(state.batch.y))
        total = forth(state.preds)
        for _ in range(self.n - 1):
            with autocast_of(state.precision, state.device.type):
                preds = state.model(state.batch.x)
            total = total + forth(full(preds))
        state.preds = back(total / self.n)

    @override
    def after_phase(self, state: State) -> None:
        self._off()

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        self._off()

    @override
    def after_fit(self, state: State) -> None:
        self._off()

    def _off(self) -> None:
        for layer in self._on:
            layer.training = False
        self._on = []


def _dropout_layers(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, _DropoutNd)]


def _by_targets(y: Tensor) -> Average:
    if y.dtype == torch.bool:
        return "sigmoid"
    return "identity" if y.is_floating_point() else "softmax"


def _means(average: Average) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Return what to do with predictions before they are averaged, and with their mean."""
    if average == "softmax":
        return softmax, _log
    if average == "sigmoid":
        return sigmoid, _logit
    return _same, _same


def _log(probabilities: Tensor) -> Tensor:
    """Probabilities -> logits whose softmax they are; nothing is log(0)."""
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def _logit(probabilities: Tensor) -> Tensor:
    """Probabilities -> logits whose sigmoid they are; never infinite."""
    return torch.logit(probabilities, torch.finfo(probabilities.dtype).eps)


def _same(preds: Tensor) -> Tensor:
    return preds
