"""Precision, recall and their harmonic mean, of classes and of labels."""

from learnkit.metrics.class_metric import ClassMetric
from learnkit.metrics.counted import counted
from learnkit.metrics.protocol import metric_factory
from learnkit.metrics.recipe import Average
from learnkit.names import checked_keywords


@metric_factory
@checked_keywords
def f1(
    *,
    average: Average = "macro",
    label: int | None = None,
    threshold: float = 0.5,
    ignore_index: int | None = None,
    name: str | None = None,
) -> ClassMetric:
    """Return the F1 score: the harmonic mean of precision and recall.

    The number of classes is that of the model's output. With one output, (B,) or (B, 1), it is the
    score of label 1, whatever the average. A class that is neither in the targets nor predicted
    does not enter the macro average; a label does, with 0. Both are scikit-learn's rules.

    Args:
        average: ``macro`` (all classes count alike), ``weighted`` (by their samples) or ``micro``
            (all decisions count alike; of one of K classes it is the accuracy).
        label: the one class or label to look at, from 0 on, in place of an average.
        threshold: above which a label's probability, in (0, 1), is a yes; of no use for one of K.
        ignore_index: a class number that is no target, such as 255 in masks.
        name: of the column; ``f1``, ``f1_micro``, ``f1_weighted`` or ``f1_<label>`` by default.

    Raises:
        MetricError: for an option that does not fit.
        MissingExtraError: when torchmetrics is not installed.

    Example:
        >>> f1()(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 0]))
        tensor(1., dtype=torch.float64)
    """
    return counted("f1", "F1Score", average, label, threshold, ignore_index, name)


@metric_factory
@checked_keywords
def precision(
    *,
    average: Average = "macro",
    label: int | None = None,
    threshold: float = 0.5,
    ignore_index: int | None = None,
    name: str | None = None,
) -> ClassMetric:
    """Return the precision: the share of a class's predictions that are right; 0 without any.

    Options and errors are those of `f1`.
    """
    return counted("precision", "Precision", average, label, threshold, ignore_index, name)


@metric_factory
@checked_keywords
def recall(
    *,
    average: Average = "macro",
    label: int | None = None,
    threshold: float = 0.5,
    ignore_index: int | None = None,
    name: str | None = None,
) -> ClassMetric:
    """Return the recall: the share of a class's samples that are found; 0 without any.

    Options and errors are those of `f1`.
    """
    return counted("recall", "Recall", average, label, threshold, ignore_index, name)
