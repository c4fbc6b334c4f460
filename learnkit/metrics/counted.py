"""Metrics that are computed from how often each class is meant, said and hit."""

from learnkit.metrics.built import Built
from learnkit.metrics.class_metric import ClassMetric
from learnkit.metrics.recipe import (
    Average,
    Recipe,
    check_average,
    check_ignored,
    check_threshold,
    column,
)


def counted(
    word: str,
    of: str,
    average: Average,
    label: int | None,
    threshold: float,
    ignore_index: int | None,
    name: str | None,
) -> ClassMetric:
    """Return the metric ``word``: torchmetrics' ``of``, computed from counts of decisions.

    Raises:
        MetricError: for an option that does not fit.
    """
    check_average(word, average, label)
    check_threshold(word, threshold)
    check_ignored(word, ignore_index)
    return ClassMetric(
        Recipe(
            name=name or column(word, average, label),
            higher_is_better=True,
            build=Built(word, of, {"average": average if label is None else "none"}),
            threshold=threshold,
            ignore_index=ignore_index,
            label=label,
        )
    )
