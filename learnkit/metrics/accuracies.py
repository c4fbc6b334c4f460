"""How often the highest scores are at the target."""

import functools

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.mean import MeanMetric
from learnkit.metrics.protocol import shown


def accuracy(preds: Tensor, targets: Tensor) -> Tensor:
    """Return the share of samples whose highest score is at the target.

    Args:
        preds: logits or probabilities (B, K), or dense (B, K, ...) such as (B, K, H, W).
        targets: int64 (B,), or (B, ...) for dense predictions.

    Returns:
        float32 ().

    Raises:
        MetricError: when the shapes or the dtype of ``targets`` do not fit.

    Example:
        >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
        tensor(0.5000)
    """
    _check_classes("accuracy", preds, targets)
    return (preds.argmax(1) == targets).mean(dtype=torch.float32)


def error_rate(preds: Tensor, targets: Tensor) -> Tensor:
    """Return 1 - `accuracy`, float32 ()."""
    _check_classes("error_rate", preds, targets)
    return (preds.argmax(1) != targets).mean(dtype=torch.float32)


def top_k(k: int) -> MeanMetric:
    """Return the metric ``top_<k>``: the share of targets among the ``k`` highest scores.

    Raises:
        MetricError: when ``k`` is no positive integer, or later when the model gives fewer classes.

    Example:
        >>> top_k(2)(torch.tensor([[0.1, 0.7, 0.2]]), torch.tensor([2]))
        tensor(1.)
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise MetricError(f"top_k(k): k is a whole number from 1 on, found {k!r}.")
    return MeanMetric(functools.partial(_top_k, k=k), name=f"top_{k}", higher_is_better=True)


def _top_k(preds: Tensor, targets: Tensor, *, k: int) -> Tensor:
    _check_classes(f"top_{k}", preds, targets)
    if preds.shape[1] < k:
        raise MetricError(
            f"top_{k} needs at least {k} classes, but the model gives {preds.shape[1]}. "
            f"Use top_k with a smaller k, or accuracy."
        )
    hits = preds.topk(k, dim=1).indices == targets.unsqueeze(1)  # (B, k, ...)
    return hits.any(1).mean(dtype=torch.float32)


def _check_classes(name: str, preds: Tensor, targets: Tensor) -> None:
    if preds.ndim == targets.ndim + 1 and not targets.is_floating_point() and preds.shape[1] > 1:
        return
    raise MetricError(
        f"{name} expects scores (B, K) of K >= 2 classes and class numbers (B,) of an integer "
        f"dtype, found {shown(preds, targets)}. For labels of 0 and 1 use multilabel_accuracy(), "
        "for values mse(), both of learnkit.metrics."
    )
