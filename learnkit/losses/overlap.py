"""How far predicted areas are from covering the true ones."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from torch import Tensor

from learnkit.errors import ModelError
from learnkit.losses.class_targets import check_labels, check_shapes, full, shares
from learnkit.losses.options import check_number
from learnkit.names import did_you_mean

Area: TypeAlias = Literal["softmax", "sigmoid"]
_AREAS: Final[tuple[str, ...]] = get_args(Area)


@dataclass(frozen=True)
class DiceLoss:
    """1 - Dice's coefficient of probabilities, the mean over classes and samples.

    F. Milletari et al., "V-Net" (2016), arXiv 1606.04797, section 3, with plain sums of
    probabilities in the denominator where the paper has squares, and the mean over samples, so
    that a loss is the same however a batch is cut.

    Args:
        activation: ``softmax`` for one of K classes, logits (B, K, H, W) and targets int64
            (B, H, W) or shares of classes (B, K, H, W); ``sigmoid`` for masks of 0 and 1, logits
            and targets of one shape such as (B, 1, H, W), or targets without the 1.
        smooth: pixels added to both areas, above 0: for classes that a sample does not have.

    Raises:
        TypeError: when ``smooth`` is no number.
        ValueError: when an option is out of range.

    Example:
        >>> DiceLoss()(torch.zeros(1, 2, 2), torch.tensor([[0, 0]]))
        tensor(0.3750)
    """

    activation: Area = "softmax"
    smooth: float = 1.0

    def __post_init__(self) -> None:
        if self.activation not in _AREAS:
            raise ValueError(
                f"DiceLoss(activation) is softmax or sigmoid; got {self.activation!r}."
                f"{did_you_mean(str(self.activation), _AREAS)}"
            )
        check_number("DiceLoss(smooth)", self.smooth, low=0)
        if self.smooth == 0:
            raise ValueError("DiceLoss(smooth) is above 0: an empty area over an empty one is NaN.")

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over the batch, float32 ().

        Raises:
            ModelError: when the shapes or dtypes do not fit.
        """
        if self.activation == "softmax":
            check_shapes("DiceLoss", preds, targets)
            area = full(preds).softmax(1)
            true = shares(area, targets)
        else:
            targets = self._masks(preds, targets)
            area = full(preds).sigmoid()
            true = targets.to(area.dtype)
        area, true = _flat(area), _flat(true)  # (B, K, pixels)
        common = (area * true).sum(2)
        both = area.sum(2) + true.sum(2)
        return (1 - (2 * common + self.smooth) / (both + self.smooth)).mean()

    def check(self, preds: Tensor, targets: Tensor) -> None:
        """Look at targets' values too, which makes the host wait.

        Raises:
            ModelError: when a label is out of range, or the targets do not fit otherwise.
        """
        if self.activation == "softmax":
            check_labels("DiceLoss", preds, targets)
            return
        masks = self._masks(preds, targets)
        if masks.numel() and not 0 <= masks.min().item() <= masks.max().item() <= 1:
            raise ModelError(
                'DiceLoss(activation="sigmoid") takes masks of 0 and 1; the targets run from '
                f"{masks.min().item():g} to {masks.max().item():g}. Masks of 0 and 255 become "
                "these by y / 255."
            )

    @staticmethod
    def _masks(preds: Tensor, targets: Tensor) -> Tensor:
        if preds.ndim == targets.ndim + 1 and preds.shape[1] == 1:
            targets = targets.unsqueeze(1)
        if preds.ndim < 2 or preds.shape != targets.shape:
            raise ModelError(
                'DiceLoss(activation="sigmoid") takes logits and masks of 0 and 1 of one shape, '
                f"such as (B, 1, H, W); the model returned {tuple(preds.shape)} for targets of "
                f"shape {tuple(targets.shape)}. For class numbers take DiceLoss()."
            )
        return targets


def _flat(area: Tensor) -> Tensor:
    return area.flatten(2) if area.ndim > 2 else area.unsqueeze(2)
