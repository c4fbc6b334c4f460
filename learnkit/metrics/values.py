"""How far predicted values are from true ones."""

import math
from typing import Any

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.protocol import metric_factory, shown
from learnkit.metrics.ratio import RatioMetric
from learnkit.metrics.spread import SpreadMetric
from learnkit.names import checked_keywords


@metric_factory
@checked_keywords
def mse(*, name: str | None = None) -> RatioMetric:
    """Return the mean squared error over all values; ``preds`` and ``targets`` of one shape.

    Raises:
        MetricError: later, when the shapes differ: torch would compare each with every other.

    Example:
        >>> mse()(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0]))
        tensor(5., dtype=torch.float64)
    """
    return RatioMetric(_squares, name=name or "mse", higher_is_better=False)


@metric_factory
@checked_keywords
def rmse(*, name: str | None = None) -> RatioMetric:
    """Return the root of the mean squared error over the phase, in the unit of the targets.

    Raises:
        MetricError: later, when the shapes differ.
    """
    return RatioMetric(_squares, name=name or "rmse", higher_is_better=False, finish=_root)


@metric_factory
@checked_keywords
def mae(*, name: str | None = None) -> RatioMetric:
    """Return the mean absolute error over all values, in the unit of the targets.

    Raises:
        MetricError: later, when the shapes differ.
    """
    return RatioMetric(_distances, name=name or "mae", higher_is_better=False)


@metric_factory
@checked_keywords
def r2(*, name: str | None = None) -> SpreadMetric:
    """Return the share of the targets' variance that predictions explain: 1 is all, 0 none.

    Of several outputs (B, K) it is the plain mean, as in scikit-learn. One sample gives NaN; where
    all targets are equal it is 1 for right predictions, else 0.

    Raises:
        MetricError: later, when the shapes differ.

    Example:
        >>> r2().name
        'r2'
    """
    return SpreadMetric(_pair, name=name or "r2")


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else value  # NaN stays


def _squares(preds: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    preds, targets = _pair(preds, targets)
    return (preds - targets).square().sum(), _count(preds)


def _distances(preds: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    preds, targets = _pair(preds, targets)
    return (preds - targets).abs().sum(), _count(preds)


def _count(preds: Tensor) -> Tensor:
    return torch.full((), preds.numel(), dtype=preds.dtype, device=preds.device)


def _pair(preds: Tensor, targets: Any) -> tuple[Tensor, Tensor]:
    """Return both in float64, where the device has it."""
    if preds.shape != targets.shape:
        raise MetricError(
            "this metric compares values one by one and expects one shape; found "
            f"{shown(preds, targets)}. Give both one shape: nn.Flatten(0) at the end of the model, "
            "or targets y[:, None]."
        )
    dtype = torch.float32 if preds.device.type == "mps" else torch.float64
    return preds.detach().to(dtype), targets.to(dtype)
