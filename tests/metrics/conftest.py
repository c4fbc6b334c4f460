"""A metric over any partition of samples into batches."""

from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor

from learnkit.metrics import Metric

Over = Callable[..., float]


def _over(metric: Metric, preds: Tensor, targets: Tensor, sizes: list[int] | None = None) -> float:
    metric.reset()
    ends = np.minimum(np.cumsum(sizes or []), len(targets)).astype(int).tolist()
    for begin, end in zip([0, *ends], [*ends, len(targets)], strict=True):
        if end > begin:
            metric.update(preds[begin:end], targets[begin:end])
    return metric.compute()


@pytest.fixture(scope="session")
def over() -> Over:
    """Return ``over(metric, preds, targets, sizes)``: the number, batch sizes as given."""
    return _over
