"""One sum over another over a phase, such as squared errors over values."""

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Sums: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class RatioMetric:
    """Compute ``finish(sum of a / sum of b)`` over the batches of a phase.

    Sums are kept in float64 on the device (float32 on Apple's GPUs, which have no other).

    Args:
        sums: ``(preds, targets)`` to two Tensors () of one batch.
        name: of the column.
        higher_is_better: the direction.
        finish: a function of the ratio, such as ``math.sqrt``.
    """

    def __init__(
        self,
        sums: Sums,
        *,
        name: str,
        higher_is_better: bool,
        finish: Callable[[float], float] = float,
    ) -> None:
        self.sums, self.finish = sums, finish
        self.name, self.higher_is_better = name, higher_is_better
        self._above: Tensor | None = None
        self._below: Tensor | None = None

    def reset(self) -> None:
        """Forget all batches."""
        self._above = self._below = None

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch; no transfer to the host."""
        above, below = self.sums(preds.detach(), targets)
        dtype = torch.float32 if above.device.type == "mps" else torch.float64
        if self._above is None or self._below is None:
            self._above, self._below = above.to(dtype), below.to(dtype)
        else:
            self._above, self._below = self._above + above, self._below + below

    def compute(self) -> float:
        """Return the number over all batches since `reset`; NaN if there were none."""
        if self._above is None or self._below is None or not self._below:
            return math.nan
        return self.finish(float(self._above / self._below))

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the number of one batch alone, float64 ()."""
        above, below = self.sums(preds, targets)
        return torch.tensor(self.finish(float(above / below)), dtype=torch.float64)

    def __repr__(self) -> str:
        return f"RatioMetric({self.name})"
