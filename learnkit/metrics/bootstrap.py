"""How far a number may be from that of all photos of this kind: confidence intervals."""

import copy
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.given import as_metric
from learnkit.metrics.per_sample import PerSample, per_sample
from learnkit.metrics.protocol import Metric, MetricLike
from learnkit.names import checked_keywords

_AT_ONCE: Final = 2**22  # places drawn at once


@dataclass(frozen=True)
class Interval:
    """A metric's value, and the range that holds the true one with some confidence.

    Attributes:
        value: over all samples.
        low: of the range.
        high: of the range.
        confidence: in (0, 1).
        method: ``wilson`` or ``bootstrap``.
    """

    value: float
    low: float
    high: float
    confidence: float
    method: Literal["bootstrap", "wilson"] = "bootstrap"

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@checked_keywords
def interval(
    metric: MetricLike,
    preds: Tensor,
    targets: Tensor,
    *,
    confidence: float = 0.95,
    n: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return a metric over samples with its confidence interval.

    A share of samples, such as accuracy, has Wilson's score interval (1927), in closed form: it
    is also right when all or none are hit. Any other metric is computed again over ``n`` draws of
    as many samples with replacement, and the interval runs between quantiles of these numbers: the
    bootstrap of B. Efron (1979). Draws for which a metric is NaN are left out.

    Args:
        metric: whatever ``metrics=`` takes.
        preds: what a metric sees, raw predictions (N, ...): ``learn.get_preds(activate=False)``.
            Of one of K classes, probabilities that sum to 1 do as well.
        targets: (N, ...).
        confidence: that the interval holds the true value, in (0, 1).
        n: draws, from 1 on; 1000 is usual.
        seed: of the draws.

    Returns:
        The interval; its ends are NaN where the value is.

    Raises:
        MetricError: when ``metric`` is none, there are no samples, or an option does not fit.

    Example:
        >>> print(interval(error_rate, torch.eye(2).repeat(50, 1), torch.arange(100) % 2))
        0.000 [0.000, 0.037]
    """
    _check(preds, targets, confidence, n)
    measure = copy.deepcopy(as_metric(metric))  # a learner may be using it
    preds = _raw(preds, targets)
    value = _over(measure, preds, targets)
    if math.isnan(value):
        return Interval(value, math.nan, math.nan, confidence)
    parts = per_sample(measure, preds, targets, value)
    if parts is not None and parts.is_share():
        low, high = _wilson(value, len(preds), confidence)
        return Interval(value, low, high, confidence, "wilson")
    generator = torch.Generator().manual_seed(seed)
    if parts is not None:
        draws = _fast(parts, n, generator)
    else:
        draws = _again(measure, preds, targets, n, generator)
    tail = (1 - confidence) / 2
    ends = torch.tensor([tail, 1 - tail], dtype=torch.float64)
    low, high = draws.double().nanquantile(ends).tolist()
    return Interval(value, low, high, confidence)


def _check(preds: object, targets: object, confidence: object, n: object) -> None:
    if not isinstance(preds, Tensor) or not isinstance(targets, Tensor):
        raise MetricError(
            "interval takes preds and targets as Tensors, as learn.get_preds(activate=False) gives "
            f"them; got {type(preds).__name__} and {type(targets).__name__}."
        )
    if len(preds) != len(targets) or not len(preds):
        raise MetricError(
            f"interval takes a target for each prediction, and at least one; got {len(preds)} "
            f"predictions and {len(targets)} targets."
        )
    if not isinstance(confidence, int | float) or not 0 < confidence < 1:
        raise MetricError(f"interval(confidence=...) lies between 0 and 1; got {confidence!r}.")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise MetricError(f"interval(n=...) is a whole number from 1 on; got {n!r}.")


def _raw(preds: Tensor, targets: Tensor) -> Tensor:
    """Return logits, also of rows that can only be a softmax's: its logs are such."""
    if preds.ndim != targets.ndim + 1 or preds.shape[1] < 2 or targets.is_floating_point():
        return preds
    sums = preds.sum(1)
    active = bool((preds >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)
    return preds.log() if active else preds


def _over(metric: Metric, preds: Tensor, targets: Tensor) -> float:
    metric.reset()
    metric.update(preds, targets)
    return metric.compute()


def _wilson(share: float, n: int, confidence: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def _places(n: int, samples: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Give places with replacement, (some draws, N), ``n`` rows in all."""
    most = max(1, _AT_ONCE // samples)
    for begin in range(0, n, most):
        rows = min(most, n - begin)
        yield torch.randint(samples, (rows, samples), generator=generator)


def _fast(parts: PerSample, n: int, generator: torch.Generator) -> Tensor:
    rows = [parts.over(places) for places in _places(n, len(parts.above), generator)]
    return torch.cat(rows)


def _again(
    metric: Metric, preds: Tensor, targets: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    found: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of draws without a class
        for places in _places(n, len(preds), generator):
            for row in places.to(preds.device):
                found.append(_over(metric, preds[row], targets[row.to(targets.device)]))
    return torch.tensor(found, dtype=torch.float64)
