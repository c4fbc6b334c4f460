"""Losses of a phase, kept on the device until somebody reads them."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from learnkit.randomness import IntArray


class BadBatch(NamedTuple):
    """A batch whose loss is not finite."""

    number: int
    indices: IntArray


class KeptLosses:
    """The loss of each batch of a phase; on a CPU, where reading waits for nothing, as a number.

    Args:
        on_host: whether losses are read at once.

    Attributes:
        first_bad: of those that were read and had indices, the first that was not finite.
    """

    def __init__(self, *, on_host: bool) -> None:
        self._on_host = on_host
        self._numbers: list[int] = []
        self._losses: list[float] = []
        self._on_device: list[Tensor] = []
        self._indices: list[IntArray] = []
        self.first_bad: BadBatch | None = None

    @property
    def have_indices(self) -> bool:
        """Whether those not yet read came with indices, as in validation."""
        return bool(self._indices)

    def add(self, number: int, loss: Tensor, indices: IntArray | None = None) -> int:
        """Keep one loss, and return how many are kept.

        Args:
            number: of the batch.
            loss: a scalar.
            indices: where the batch is to be named if its loss is not finite.
        """
        self._numbers.append(number)
        if indices is not None:
            self._indices.append(indices)
        if self._on_host:
            self._losses.append(loss.item())
        else:
            self._on_device.append(loss.detach())
        return len(self._numbers)

    def read(self) -> tuple[list[int], list[float]]:
        """Return the batches' numbers and losses since the last time; this waits."""
        losses = torch.stack(self._on_device).tolist() if self._on_device else self._losses
        numbers, indices = self._numbers, self._indices
        for number, places, loss in zip(numbers, indices, losses, strict=False):
            if self.first_bad is None and not math.isfinite(loss):
                self.first_bad = BadBatch(number, places)
        self._numbers, self._losses, self._on_device, self._indices = [], [], [], []
        return numbers, losses
