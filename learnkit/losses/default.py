"""The loss that goes with targets, where the user names none."""

import torch
import torch.nn.functional as F
from torch import Tensor

from learnkit.errors import ModelError
from learnkit.types import LossFn


def default_loss(targets: Tensor) -> LossFn:
    """Return the loss for targets like these.

    Args:
        targets: integers (B,) or (B, H, W) are classes: cross entropy. Booleans (B, K) are several
            labels at once: binary cross entropy with logits. Floats are values: mean squared error.

    Raises:
        ModelError: for targets of another kind, such as complex numbers.
    """
    if targets.dtype == torch.bool:
        return binary_cross_entropy_of_logits
    if targets.is_floating_point():
        return F.mse_loss
    if not targets.is_complex():
        return F.cross_entropy
    raise ModelError(
        f"there is no default loss for targets of dtype {targets.dtype}; pass loss_func=."
    )


def binary_cross_entropy_of_logits(preds: Tensor, targets: Tensor) -> Tensor:
    """Return the mean binary cross entropy of logits and targets of one shape, bool or float."""
    return F.binary_cross_entropy_with_logits(preds, targets.to(preds.dtype))
