"""Cross entropy with its first term tuned."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from learnkit.losses.class_targets import check_labels, check_shapes, full, shares
from learnkit.losses.options import check_number


@dataclass(frozen=True)
class PolyLoss:
    """Cross entropy + eps * (1 - p), p being the probability of the right class: Poly-1.

    Z. Leng et al., "PolyLoss: a polynomial expansion perspective of classification loss
    functions" (2022), arXiv 2204.12511, equation 6. ``eps=0`` is cross entropy. Of shares of
    classes, p is the mean probability by these shares.

    Args:
        eps: from -1 on; the paper's ImageNet models take 1 to 2.

    Raises:
        TypeError: when ``eps`` is no number.
        ValueError: when it is below -1, where the loss would reward wrong answers.

    Example:
        >>> PolyLoss(1.0)(torch.zeros(1, 2), torch.tensor([0]))
        tensor(1.1931)
    """

    activation: ClassVar[str] = "softmax"
    eps: float = 1.0

    def __post_init__(self) -> None:
        check_number("PolyLoss(eps)", self.eps, low=-1)

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over the batch, float32 ().

        Args:
            preds: logits (B, K, ...).
            targets: class numbers, int64 (B, ...), or shares of classes, floats (B, K, ...).

        Raises:
            ModelError: when the shapes or dtypes do not fit.
        """
        check_shapes("PolyLoss", preds, targets)
        logs = full(preds).log_softmax(1)
        share = shares(logs, targets)
        right = (share * logs.exp()).sum(1)  # (B, ...)
        cross = -(share * logs).sum(1)
        return (cross + self.eps * (1 - right)).mean()

    def check(self, preds: Tensor, targets: Tensor) -> None:
        """Look at targets' values too, which makes the host wait.

        Raises:
            ModelError: when a label is out of range, or the targets do not fit otherwise.
        """
        check_labels("PolyLoss", preds, targets)
