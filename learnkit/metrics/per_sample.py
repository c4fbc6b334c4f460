"""The values of single samples, where a metric is a mean or a ratio of sums of such."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from learnkit.metrics.mean import MeanMetric
from learnkit.metrics.protocol import Metric
from learnkit.metrics.ratio import RatioMetric


@dataclass(frozen=True)
class PerSample:
    """A metric as ``finish(sum of above / sum of below)`` over samples.

    Attributes:
        above: float64 (N,).
        below: float64 (N,); None for ones.
        finish: a function of the ratio.
    """

    above: Tensor
    below: Tensor | None
    finish: Callable[[float], float]

    def is_share(self) -> bool:
        """Tell whether each sample is a yes or a no, and the metric the share of yes."""
        if self.below is not None:
            return False
        return bool(((self.above == 0) | (self.above == 1)).all())

    def over(self, places: Tensor) -> Tensor:
        """Return the metric over samples: places int64 (draws, N) -> float64 (draws,)."""
        if self.below is None:
            return self.above[places].mean(1)
        ratios = self.above[places].sum(1) / self.below[places].sum(1)
        return torch.tensor([self.finish(ratio) for ratio in ratios.tolist()], dtype=torch.float64)


def per_sample(metric: Metric, preds: Tensor, targets: Tensor, value: float) -> PerSample | None:
    """Return a metric's parts, or None where it has none.

    A function of one's own need not be a mean of samples, nor be computable for all at once: it
    has parts only if torch can do that and they give ``value`` again.
    """
    if isinstance(metric, MeanMetric):
        above = _mapped(metric.fn, preds, targets)
        parts = None if above is None else PerSample(above.double().cpu(), None, float)
    elif isinstance(metric, RatioMetric):
        both = _mapped(metric.sums, preds, targets)
        parts = both and PerSample(both[0].double().cpu(), both[1].double().cpu(), metric.finish)
    else:
        return None
    if parts is None or parts.above.shape != (len(preds),):
        return None
    whole = float(parts.over(torch.arange(len(preds))[None]))
    return parts if math.isclose(whole, value, rel_tol=1e-5, abs_tol=1e-7) else None


def _mapped(fn: Callable[[Tensor, Tensor], Any], preds: Tensor, targets: Tensor) -> Any:
    """Return what ``fn`` gives for each sample as a batch of one, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of functions that torch maps slowly
            return torch.vmap(fn)(preds.detach()[:, None], targets[:, None])
    except (RuntimeError, ValueError, TypeError, AttributeError):  # it looks at values, or is numpy
        return None
