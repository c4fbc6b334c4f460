"""One sum over another over a phase, such as squared errors over values."""

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from learnkit.errors import MetricError

Sums: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class RatioMetric:
    """Compute ``finish(sum of a / sum of b)`` over the batches of a phase.

    Sums are kept in float64 on the device (float32 on Apple's GPUs, which have no other).

    Args:
        sums: ``(preds, targets)`` to two Tensors () of one batch.
        name: of the column.
        higher_is_better: the direction.
        finish: a function of the ratio, such as ``math.sqrt``.
        wrong: ``(preds, targets)`` to how many targets are no class numbers, a Tensor () on the
            device; where there are some, the phase's number is an error.
    """

    def __init__(
        self,
        sums: Sums,
        *,
        name: str,
        higher_is_better: bool,
        finish: Callable[[float], float] = float,
        wrong: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self.sums, self.finish, self._count_wrong = sums, finish, wrong
        self.name, self.higher_is_better = name, higher_is_better
        self._above: Tensor | None = None
        self._below: Tensor | None = None
        self._wrong: Tensor | None = None

    def reset(self) -> None:
        """Forget all batches."""
        self._above = self._below = self._wrong = None

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch; no transfer to the host."""
        above, below = self.sums(preds.detach(), targets)
        dtype = torch.float32 if above.device.type == "mps" else torch.float64
        if self._above is None or self._below is None:
            self._above, self._below = above.to(dtype), below.to(dtype)
        else:
            self._above, self._below = self._above + above, self._below + below
        if self._count_wrong is not None:
            wrong = self._count_wrong(preds, targets)
            self._wrong = wrong if self._wrong is None else self._wrong + wrong

    def compute(self) -> float:
        """Return the number over all batches since `reset`; NaN if there were none.

        Raises:
            MetricError: when targets were no class numbers.
        """
        if self._wrong is not None and int(self._wrong):
            raise MetricError(
                f"{self.name} takes targets that are class numbers, from 0 to the number of the "
                f"model's outputs - 1; {int(self._wrong)} of this phase are none. Check the "
                "dataset's targets."
            )
        if self._above is None or self._below is None or not self._below:
            return math.nan
        return self.finish(float(self._above / self._below))

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the number of one batch alone, float64 ()."""
        alone = type(self)(
            self.sums,
            name=self.name,
            higher_is_better=self.higher_is_better,
            finish=self.finish,
            wrong=self._count_wrong,
        )
        alone.update(preds, targets)
        return torch.tensor(alone.compute(), dtype=torch.float64)

    def __repr__(self) -> str:
        return f"RatioMetric({self.name})"
