"""What turns raw scores into what a person reads, and which of these goes with a loss."""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.names import did_you_mean
from learnkit.types import LossFn

Activation: TypeAlias = Callable[[Tensor], Tensor]


def softmax(preds: Tensor) -> Tensor:
    """Logits (B, K, ...) -> probabilities that sum to 1 over K; half precision becomes float32."""
    return _full(preds).softmax(1 if preds.ndim > 1 else 0)


def sigmoid(preds: Tensor) -> Tensor:
    """Logits of any shape -> a probability each; half precision becomes float32."""
    return _full(preds).sigmoid()


def exp(preds: Tensor) -> Tensor:
    """Log-probabilities of any shape -> probabilities; half precision becomes float32."""
    return _full(preds).exp()


def identity(preds: Tensor) -> Tensor:
    """Predictions as they are."""
    return preds


def _full(preds: Tensor) -> Tensor:
    return preds.float() if preds.dtype in (torch.float16, torch.bfloat16) else preds


ACTIVATIONS: Final[Mapping[str, Activation]] = MappingProxyType(
    {"exp": exp, "identity": identity, "sigmoid": sigmoid, "softmax": softmax}
)

# By name, so that timm's losses are known without importing timm.
_BY_LOSS: Final = {
    "AsymmetricLossMultiLabel": "sigmoid",
    "AsymmetricLossSingleLabel": "softmax",
    "BCEWithLogitsLoss": "sigmoid",
    "BinaryCrossEntropy": "sigmoid",
    "CrossEntropyLoss": "softmax",
    "JsdCrossEntropy": "softmax",
    "LabelSmoothingCrossEntropy": "softmax",
    "MultiLabelSoftMarginLoss": "sigmoid",
    "NLLLoss": "exp",
    "SoftTargetCrossEntropy": "softmax",
    "binary_cross_entropy_of_logits": "sigmoid",
    "binary_cross_entropy_with_logits": "sigmoid",
    "cross_entropy": "softmax",
    "multilabel_soft_margin_loss": "sigmoid",
    "nll_loss": "exp",
}


def activation_name(loss_func: LossFn) -> str:
    """Return the key in `ACTIVATIONS` of the activation that belongs to a loss.

    Known are torch's and timm's classification losses, as objects, functions, partials and
    subclasses; a loss of your own may say it by an attribute ``activation = "softmax"``. Any other
    loss leaves predictions as they are.

    Raises:
        ModelError: when the loss names an activation that does not exist.
    """
    fn: object = loss_func
    while isinstance(fn, functools.partial):
        fn = fn.func
    said = getattr(fn, "activation", None)
    if isinstance(said, str):
        if said not in ACTIVATIONS:
            raise ModelError(
                f"{_name_of(fn)}.activation is {said!r}; it must be one of "
                f"{', '.join(ACTIVATIONS)}.{did_you_mean(said, ACTIVATIONS)}"
            )
        return said
    if isinstance(fn, nn.Module):
        names = [parent.__name__ for parent in type(fn).__mro__]
    else:
        names = [_name_of(fn)]
    return next((_BY_LOSS[name] for name in names if name in _BY_LOSS), "identity")


def activation_of(loss_func: LossFn) -> Activation:
    """Return the function that turns raw predictions into what a person reads.

    Softmax for cross entropy, sigmoid for binary cross entropy with logits, exp for negative log
    likelihood, identity for the rest; see `activation_name`.

    Example:
        >>> activation_of(nn.CrossEntropyLoss())(torch.zeros(1, 2))
        tensor([[0.5000, 0.5000]])
    """
    return ACTIVATIONS[activation_name(loss_func)]


def _name_of(fn: object) -> str:
    return str(getattr(fn, "__name__", type(fn).__name__))
