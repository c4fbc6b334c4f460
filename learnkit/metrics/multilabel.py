"""How many labels of several at once are right."""

import functools

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.mean import MeanMetric
from learnkit.metrics.protocol import metric_factory, shown
from learnkit.metrics.recipe import check_threshold
from learnkit.names import checked_keywords


@metric_factory
@checked_keywords
def multilabel_accuracy(
    *, threshold: float = 0.5, exact: bool = False, name: str | None = None
) -> MeanMetric:
    """Return the share of labels that are decided rightly, for models with a sigmoid each.

    Predictions are logits (B, K), targets 0 and 1 of any dtype in their shape; one output, (B,) or
    (B, 1), is taken too.

    Args:
        threshold: above which a probability, in (0, 1), is a yes.
        exact: count samples whose labels are all right, as scikit-learn's ``accuracy_score``.
        name: of the column.

    Raises:
        MetricError: for a threshold out of range, or later for shapes that differ.

    Example:
        >>> multilabel_accuracy()(torch.tensor([[2.0, -1.0]]), torch.tensor([[1, 1]]))
        tensor(0.5000)
    """
    check_threshold("multilabel_accuracy", threshold)
    fn = functools.partial(_right, threshold=threshold, exact=exact)
    return MeanMetric(fn, name=name or "multilabel_accuracy", higher_is_better=True)


def _right(preds: Tensor, targets: Tensor, *, threshold: float, exact: bool) -> Tensor:
    if preds.shape != targets.shape:
        raise MetricError(
            "multilabel_accuracy expects scores and labels of 0 and 1 of one shape, such as "
            f"(B, K); found {shown(preds, targets)}. For class numbers use accuracy."
        )
    right = (preds.float().sigmoid() > threshold) == (targets > 0.5)
    if exact:
        right = right.flatten(1).all(1) if right.ndim > 1 else right
    return right.mean(dtype=torch.float32)
