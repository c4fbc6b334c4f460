"""The share of the targets' variance that predictions explain, from running sums."""

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Pair: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class SpreadMetric:
    """Compute 1 - (squared errors) / (squared distances of the targets from their mean).

    Sums are of distances from the first batch's mean: plain squares of values far from zero would
    cancel, as those of torchmetrics do in float32.

    Args:
        pair: checks ``(preds, targets)`` and gives both in full precision.
        name: of the column.
    """

    higher_is_better = True

    def __init__(self, pair: Pair, *, name: str) -> None:
        self._pair, self.name = pair, name
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._n = 0
        self._origin: Tensor | None = None
        self._sums: Tensor | None = None  # (3, K): errors squared, distances squared, distances

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch; no transfer to the host."""
        preds, targets = self._pair(preds, targets)
        n = len(preds)
        if n == 0:
            return
        preds, targets = preds.reshape(n, -1), targets.reshape(n, -1)
        if self._origin is None:
            self._origin = targets.mean(0)
        away = targets - self._origin
        parts = ((targets - preds).square().sum(0), away.square().sum(0), away.sum(0))
        sums = torch.stack(parts)
        self._sums = sums if self._sums is None else self._sums + sums
        self._n += n

    def compute(self) -> float:
        """Return the mean over outputs, over all batches since `reset`; NaN below two samples."""
        if self._sums is None or self._n < 2:
            return math.nan
        errors, squares, distances = self._sums.double().cpu()
        spread = squares - distances.square() / self._n
        # what rounding leaves of a spread that is zero
        flat = spread <= squares * 1e-14
        right = torch.where(errors.isnan(), errors, (errors == 0).double())
        share = torch.where(flat, right, 1 - errors / spread)
        return float(share.mean())

    def __repr__(self) -> str:
        return f"SpreadMetric({self.name})"
