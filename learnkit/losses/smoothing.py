"""Cross entropy that does not ask for certainty."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from learnkit.losses.class_targets import check_labels, check_shapes, full
from learnkit.losses.options import check_number

_IGNORED = -100  # torch's own


@dataclass(frozen=True)
class LabelSmoothing:
    """Cross entropy with a share of each target spread evenly over all classes.

    C. Szegedy et al., "Rethinking the Inception architecture for computer vision" (2016),
    arXiv 1512.00567, section 7; computed by torch. Shares of classes, as MixUp gives them, are
    smoothed too. A class number of -100 counts as no target.

    Args:
        eps: the share that is spread, in [0, 1).

    Raises:
        TypeError: when ``eps`` is no number.
        ValueError: when it is out of range.

    Example:
        >>> LabelSmoothing(0.1)(torch.tensor([[9.0, 0.0]]), torch.tensor([0]))
        tensor(0.4501)
    """

    activation: ClassVar[str] = "softmax"
    eps: float = 0.1

    def __post_init__(self) -> None:
        check_number("LabelSmoothing(eps)", self.eps, low=0, high=1, open_end=True)

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over the batch, float32 ().

        Args:
            preds: logits (B, K, ...).
            targets: class numbers, int64 (B, ...), or shares of classes, floats (B, K, ...).

        Raises:
            ModelError: when the shapes or dtypes do not fit.
        """
        check_shapes("LabelSmoothing", preds, targets)
        preds = full(preds)
        targets = targets.to(preds.dtype) if targets.is_floating_point() else targets.long()
        return F.cross_entropy(preds, targets, label_smoothing=self.eps)

    def check(self, preds: Tensor, targets: Tensor) -> None:
        """Look at targets' values too, which makes the host wait.

        Raises:
            ModelError: when a label is out of range, or the targets do not fit otherwise.
        """
        check_labels("LabelSmoothing", preds, targets, ignore_index=_IGNORED)
