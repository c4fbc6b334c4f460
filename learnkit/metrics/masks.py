"""How well predicted areas cover the true ones: Dice and intersection over union."""

from learnkit.metrics.class_metric import ClassMetric
from learnkit.metrics.counted import counted
from learnkit.metrics.protocol import metric_factory
from learnkit.metrics.recipe import Average
from learnkit.names import checked_keywords


@metric_factory
@checked_keywords
def dice(
    *,
    average: Average = "macro",
    label: int | None = None,
    threshold: float = 0.5,
    ignore_index: int | None = None,
    name: str | None = None,
) -> ClassMetric:
    """Return Dice's coefficient (1945): twice the common area over the sum of both areas.

    Areas are counted over all pixels of the phase, so it is the F1 score of pixels, and a picture
    without a class does no harm. Background is a class like the others; ``label=1`` looks at one.

    Args:
        average: over classes, as in `f1`.
        label: the one class to look at, in place of an average.
        threshold: above which a pixel's probability is a yes, where the model has one output.
        ignore_index: a class number that is no target, such as 255.
        name: of the column.

    Raises:
        MetricError: for an option that does not fit.
        MissingExtraError: when torchmetrics is not installed.

    Example:
        >>> dice()(torch.tensor([[[9.0, -9.0]]]), torch.tensor([[1, 1]]))
        tensor(0.6667, dtype=torch.float64)
    """
    return counted("dice", "F1Score", average, label, threshold, ignore_index, name)


@metric_factory
@checked_keywords
def iou(
    *,
    average: Average = "macro",
    label: int | None = None,
    threshold: float = 0.5,
    ignore_index: int | None = None,
    name: str | None = None,
) -> ClassMetric:
    """Return the intersection over union, Jaccard's index (1912); the macro average is mIoU.

    Areas are counted over all pixels of the phase. Options and errors are those of `dice`.
    """
    return counted("iou", "JaccardIndex", average, label, threshold, ignore_index, name)
