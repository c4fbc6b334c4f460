"""A yes or no for each class, where each sample has one class or a mixture."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from learnkit.losses.class_targets import check_labels, check_shapes, full, shares
from learnkit.losses.options import check_number


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """Binary cross entropy of each class by itself, for targets that are classes.

    R. Wightman et al., "ResNet strikes back" (2021), arXiv 2110.00476, section 3.1: with MixUp and
    CutMix, several classes may be fully there, and probabilities need not sum to 1. The activation
    is the sigmoid. It is the loss of timm's class of this name, except that shares of classes
    are smoothed too.

    Args:
        smoothing: share of a target that is spread over all classes, in [0, 1).
        threshold: shares above it become 1 and others 0, in [0, 1); the paper's is 0.2. None
            leaves shares as they are.
        sum_classes: sum over classes where the mean is the default; the loss is K times as large.

    Raises:
        TypeError: when an option is no number.
        ValueError: when an option is out of range, or smoothing and threshold are both given: the
            one would undo the other.

    Example:
        >>> BinaryCrossEntropy()(torch.zeros(1, 2), torch.tensor([0]))
        tensor(0.6931)
    """

    activation: ClassVar[str] = "sigmoid"
    smoothing: float = 0.0
    threshold: float | None = None
    sum_classes: bool = False

    def __post_init__(self) -> None:
        check_number("BinaryCrossEntropy(smoothing)", self.smoothing, low=0, high=1, open_end=True)
        if self.threshold is not None:
            check_number(
                "BinaryCrossEntropy(threshold)", self.threshold, low=0, high=1, open_end=True
            )
            if self.smoothing:
                raise ValueError(
                    "BinaryCrossEntropy takes smoothing or threshold: a threshold makes smoothed "
                    "shares 0 and 1 again. Leave one of them out."
                )

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over the batch, and over classes unless they are summed, float32 ().

        Args:
            preds: logits (B, K, ...).
            targets: class numbers, int64 (B, ...), or shares of classes, floats (B, K, ...).

        Raises:
            ModelError: when the shapes or dtypes do not fit.
        """
        check_shapes("BinaryCrossEntropy", preds, targets)
        preds = full(preds)
        share = shares(preds, targets)
        if self.threshold is not None:
            share = (share > self.threshold).to(preds.dtype)
        if self.smoothing:
            share = share * (1 - self.smoothing) + self.smoothing / preds.shape[1]
        terms = F.binary_cross_entropy_with_logits(preds, share, reduction="none")
        return terms.sum(1).mean() if self.sum_classes else terms.mean()

    def check(self, preds: Tensor, targets: Tensor) -> None:
        """Look at targets' values too, which makes the host wait.

        Raises:
            ModelError: when a label is out of range, or the targets do not fit otherwise.
        """
        check_labels("BinaryCrossEntropy", preds, targets)
