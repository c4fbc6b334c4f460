"""How well probabilities put the samples of a class before all others, without a threshold."""

from typing import Any, Literal

from learnkit.errors import MetricError
from learnkit.metrics.built import Built
from learnkit.metrics.class_metric import ClassMetric
from learnkit.metrics.protocol import metric_factory
from learnkit.metrics.recipe import Average, Recipe, check_average, column
from learnkit.names import checked_keywords


@metric_factory
@checked_keywords
def auroc(
    *, average: Average = "macro", label: int | None = None, name: str | None = None
) -> ClassMetric:
    """Return the area under the receiver operating characteristic, each class against the rest.

    Exact: the phase's probabilities are kept on the device and sorted at its end. It is NaN, with
    one warning, when a class has no samples in the phase, or no other class has.

    Args:
        average: ``macro`` or ``weighted`` over the classes.
        label: the one class or label to look at; with two classes, ``label=1`` is the usual area.
        name: of the column.

    Raises:
        MetricError: for an option that does not fit; ``micro`` has no such area for classes.
        MissingExtraError: when torchmetrics is not installed.

    Example:
        >>> auroc()(torch.tensor([0.1, 0.4, 0.3]), torch.tensor([0, 1, 0]))
        tensor(1., dtype=torch.float64)
    """
    return _ranking("auroc", "AUROC", "both", average, label, name)


@metric_factory
@checked_keywords
def average_precision(
    *, average: Average = "macro", label: int | None = None, name: str | None = None
) -> ClassMetric:
    """Return the average precision over all recalls; its mean over classes is mAP.

    The sum of precision times the step in recall, as in scikit-learn, without interpolation. It is
    NaN, with one warning, when a class has no samples. Options and errors are those of `auroc`.
    """
    return _ranking("average_precision", "AveragePrecision", "positives", average, label, name)


def _ranking(
    word: str,
    of: str,
    needs: Literal["positives", "both"],
    average: Any,
    label: int | None,
    name: str | None,
) -> ClassMetric:
    check_average(word, average, label)
    if average == "micro":
        raise MetricError(
            f"{word}(average=...) takes macro or weighted: each class is ranked by itself."
        )
    return ClassMetric(
        Recipe(
            name=name or column(word, average, label),
            higher_is_better=True,
            build=Built(word, of, {"average": average if label is None else "none"}),
            sees="probabilities",
            needs=needs,
            label=label,
        )
    )
