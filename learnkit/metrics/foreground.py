"""How much of what is not background is found as what it is."""

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.protocol import metric_factory, shown
from learnkit.metrics.ratio import RatioMetric
from learnkit.names import checked_keywords


@metric_factory
@checked_keywords
def foreground_accuracy(
    *, background: int = 0, ignore_index: int | None = None, name: str | None = None
) -> RatioMetric:
    """Return the share of right pixels among those that are not background, as fastai counts.

    Pixels are counted over the phase. What is background and was said to be something else does no
    harm here: look at `iou` beside it.

    Args:
        background: its class number.
        ignore_index: a class number that is no target, such as 255.
        name: of the column.

    Raises:
        MetricError: for a class number that is no whole number from 0 on; later for targets that
            are no class numbers (B, ...) beside scores (B, K, ...).

    Example:
        >>> foreground_accuracy()(torch.tensor([[[9.0, 0.0], [0.0, 9.0]]]), torch.tensor([[1, 1]]))
        tensor(0.5000, dtype=torch.float64)
    """
    for option, value in (("background", background), ("ignore_index", ignore_index)):
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= 0):
            raise MetricError(
                f"foreground_accuracy({option}=...) is a class number from 0 on; got {value!r}."
            )

    def sums(preds: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if preds.ndim != targets.ndim + 1 or targets.is_floating_point():
            raise MetricError(
                "foreground_accuracy expects scores (B, K, ...) and class numbers (B, ...); got "
                f"{shown(preds, targets)}."
            )
        counts = targets != background
        if ignore_index is not None:
            counts &= targets != ignore_index
        right = (preds.argmax(1) == targets) & counts
        return torch.sum(right), torch.sum(counts)

    return RatioMetric(sums, name=name or "foreground_accuracy", higher_is_better=True)
