"""The mean of a function's values over the samples of a phase."""

import functools
from typing import SupportsFloat

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.protocol import snake
from learnkit.types import MetricFn


class MeanMetric:
    """Turn a function of one batch into a metric: the mean over batches, weighted by samples.

    The sum stays on the device; `compute` is the one moment at which the host waits for it.

    Args:
        fn: ``(preds, targets) -> Tensor ()``, the mean over the batch.
        name: column name; the function's own name by default.
        higher_is_better: for callbacks that watch this metric; None leaves it open.
    """

    def __init__(
        self, fn: MetricFn, *, name: str | None = None, higher_is_better: bool | None = None
    ) -> None:
        self.fn = fn
        self.name = name or name_of(fn)
        self.higher_is_better = higher_is_better
        self._total: Tensor | None = None
        self._n = 0

    def reset(self) -> None:
        """Forget all batches."""
        self._total = None
        self._n = 0

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch; no transfer to the host."""
        n = targets.shape[0]
        if not n:  # a mean of nothing, NaN; such as of masks of which no pixel counts
            return
        value = self.fn(preds, targets)
        if self._total is None:
            self._total = self._start(value, preds.device)
        if isinstance(value, Tensor):
            value = value.detach()
        self._total.add_(value, alpha=n)
        self._n += n

    def compute(self) -> float:
        """Return the mean over all samples since `reset`; NaN if there were none."""
        return float(self._total) / self._n if self._total is not None and self._n else float("nan")

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the function's value on one batch."""
        return self.fn(preds, targets)

    def __repr__(self) -> str:
        return f"MeanMetric({self.name})"

    def _start(self, value: object, device: torch.device) -> Tensor:
        shape = tuple(getattr(value, "shape", ()))
        if shape:
            raise MetricError(
                f"metric {self.name!r} returned a tensor of shape {shape}; expected one number, "
                "the mean over the batch. Add .mean() to what it returns."
            )
        if not isinstance(value, Tensor | SupportsFloat):
            raise MetricError(
                f"metric {self.name!r} returned a {type(value).__name__}; expected one number, "
                "the mean over the batch."
            )
        # float64 keeps a long sum exact; Apple's GPUs have none
        dtype = torch.float32 if device.type == "mps" else torch.float64
        return torch.zeros((), dtype=dtype, device=getattr(value, "device", device))


def name_of(fn: object) -> str:
    """Return a function's own name, or its class's in a column's spelling."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__name__", None) or snake(type(fn).__name__)
    return "metric" if name == "<lambda>" else str(name)
