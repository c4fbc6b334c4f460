"""Cross entropy that looks at the hard samples."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from learnkit.errors import ModelError
from learnkit.losses.class_targets import check_labels, check_shapes, full, shares
from learnkit.losses.options import check_number


@dataclass(frozen=True)
class FocalLoss:
    """Cross entropy times (1 - p)^gamma, p being the probability of the right class.

    T.-Y. Lin et al., "Focal loss for dense object detection" (2017), arXiv 1708.02002, equations 4
    and 5; with softmax over classes where the paper has a sigmoid. ``gamma=0`` is cross entropy.
    Of shares of classes, as MixUp gives them, each class's term counts by its share.

    Args:
        gamma: how fast easy samples fade, from 0 on; the paper's best is 2.
        alpha: a weight for each class, in their order; None weighs all by 1. The mean is over
            samples, not over weights, as in the paper.

    Raises:
        TypeError: when an option is no number.
        ValueError: when an option is out of range.

    Example:
        >>> FocalLoss(gamma=2)(torch.zeros(1, 2), torch.tensor([0]))
        tensor(0.1733)
    """

    activation: ClassVar[str] = "softmax"
    gamma: float = 2.0
    alpha: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_number("FocalLoss(gamma)", self.gamma, low=0)
        if self.alpha is not None:
            if not isinstance(self.alpha, tuple | list):
                raise TypeError(
                    "FocalLoss(alpha) is a weight for each class, such as (0.25, 0.75); got "
                    f"{self.alpha!r}."
                )
            for weight in self.alpha:
                check_number("FocalLoss(alpha): each weight", weight, low=0)
            object.__setattr__(self, "alpha", tuple(map(float, self.alpha)))

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over the batch, float32 ().

        Args:
            preds: logits (B, K, ...).
            targets: class numbers, int64 (B, ...), or shares of classes, floats (B, K, ...).

        Raises:
            ModelError: when the shapes or dtypes do not fit, or there is not a weight a class.
        """
        check_shapes("FocalLoss", preds, targets)
        logs = full(preds).log_softmax(1)
        share = shares(logs, targets)
        # of p = 1 the power's slope is infinite for gamma < 1, and times log p = 0 it were NaN
        left = (-logs.expm1()).clamp_min(torch.finfo(logs.dtype).tiny)
        terms = -share * left.pow(self.gamma) * logs if self.gamma else -share * logs
        if self.alpha is not None:
            terms = terms * self._weights(logs)
        return terms.sum(1).mean()

    def check(self, preds: Tensor, targets: Tensor) -> None:
        """Look at targets' values too, which makes the host wait.

        Raises:
            ModelError: when a label is out of range, or the targets do not fit otherwise.
        """
        check_labels("FocalLoss", preds, targets)

    def _weights(self, logs: Tensor) -> Tensor:
        alpha = self.alpha or ()
        if len(alpha) != logs.shape[1]:
            raise ModelError(
                f"FocalLoss(alpha) has {len(alpha)} weights, but the model's output has width "
                f"{logs.shape[1]}. Give one for each class."
            )
        # a copy that nobody waits for
        weights = torch.tensor(alpha, dtype=logs.dtype).to(logs.device, non_blocking=True)
        return weights.view(1, -1, *[1] * (logs.ndim - 2))
