"""Losses, the one that goes with targets, and the activation that goes with a loss.

A model gives raw scores; the loss takes them as they are, and the activation turns them into what a
person reads. Knows no model and no data. Losses beyond torch's are imported when first named.
"""

from typing import TYPE_CHECKING

from learnkit.lazy import lazy_names
from learnkit.losses.activations import (
    ACTIVATIONS,
    Activation,
    activation_name,
    activation_of,
    exp,
    identity,
    sigmoid,
    softmax,
)
from learnkit.losses.default import binary_cross_entropy_of_logits, default_loss

if TYPE_CHECKING:
    from learnkit.losses.binary import BinaryCrossEntropy
    from learnkit.losses.focal import FocalLoss
    from learnkit.losses.overlap import DiceLoss
    from learnkit.losses.poly import PolyLoss
    from learnkit.losses.smoothing import LabelSmoothing

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "BinaryCrossEntropy",
    "DiceLoss",
    "FocalLoss",
    "LabelSmoothing",
    "PolyLoss",
    "activation_name",
    "activation_of",
    "binary_cross_entropy_of_logits",
    "default_loss",
    "exp",
    "identity",
    "sigmoid",
    "softmax",
]

__getattr__ = lazy_names(
    __name__,
    {
        "BinaryCrossEntropy": "binary",
        "DiceLoss": "overlap",
        "FocalLoss": "focal",
        "LabelSmoothing": "smoothing",
        "PolyLoss": "poly",
    },
)


def __dir__() -> list[str]:
    return __all__
