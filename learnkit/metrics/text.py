"""How surprised a model is by the next token."""

import functools
import math

import torch.nn.functional as F
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.protocol import metric_factory, shown
from learnkit.metrics.ratio import RatioMetric
from learnkit.names import checked_keywords


@metric_factory
@checked_keywords
def perplexity(*, ignore_index: int = -100, name: str | None = None) -> RatioMetric:
    """Return exp of the mean negative log-likelihood of the targets, over all tokens.

    Predictions are logits (B, K) or (B, K, T), as for cross entropy, targets class numbers (B,) or
    (B, T). K for a model that knows nothing. The logs are summed, not the probabilities, so
    that an unlikely token does not make it infinite.

    Args:
        ignore_index: a target that is none, such as padding.
        name: of the column.

    Raises:
        MetricError: later, for shapes that do not fit, and for class numbers out of range.

    Example:
        >>> perplexity()(torch.zeros(1, 8), torch.tensor([3]))
        tensor(8.0000, dtype=torch.float64)
    """
    sums = functools.partial(_surprise, ignore_index=ignore_index)
    wrong = functools.partial(_out_of_range, ignore_index=ignore_index)
    return RatioMetric(
        sums, name=name or "perplexity", higher_is_better=False, finish=_exp, wrong=wrong
    )


def _surprise(preds: Tensor, targets: Tensor, *, ignore_index: int) -> tuple[Tensor, Tensor]:
    fits = preds.ndim > 1 and (len(preds), *preds.shape[2:]) == tuple(targets.shape)
    if not fits or targets.is_floating_point():
        raise MetricError(
            "perplexity expects logits (B, K) or (B, K, T) and class numbers (B,) or (B, T) of an "
            f"integer dtype; found {shown(preds, targets)}. Where classes come last, let the model "
            "end with logits.movedim(-1, 1)."
        )
    # float64: a sum over 100 million tokens would lose small terms
    full = preds.float() if preds.device.type == "mps" else preds.double()
    targets = targets.long().masked_fill(~_within(preds, targets), ignore_index)
    lost = F.cross_entropy(full, targets, reduction="sum", ignore_index=ignore_index)
    return lost, (targets != ignore_index).sum().to(lost.dtype)


def _out_of_range(preds: Tensor, targets: Tensor, *, ignore_index: int) -> Tensor:
    return (~_within(preds, targets) & (targets.long() != ignore_index)).sum()


def _within(preds: Tensor, targets: Tensor) -> Tensor:
    return (targets >= 0) & (targets < preds.shape[1])


def _exp(mean: float) -> float:
    return math.exp(mean) if mean < 700 else math.inf if mean == mean else mean
