"""A learnkit loader whose batches already exist, so that only the loop is measured."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from learnkit.types import Batch, Loaded

Pairs = Sequence[tuple[Tensor, Tensor]]


class Ready:
    """Gives ``pairs`` in their order in every epoch.

    Args:
        pairs: batches x, y.
        steps: batches in an epoch; after the last pair the first comes again.
    """

    def __init__(self, pairs: Pairs, steps: int | None = None) -> None:
        self.batch_size, self.n_samples = len(pairs[0][0]), 0
        self._ready: list[Loaded] = []
        for step in range(len(pairs) if steps is None else steps):
            x, y = pairs[step % len(pairs)]
            numbers = np.arange(self.n_samples, self.n_samples + len(x), dtype=np.int64)
            self._ready.append(Loaded(Batch(x, y), numbers))
            self.n_samples += len(x)

    def __len__(self) -> int:
        return len(self._ready)

    def __iter__(self) -> Iterator[Batch]:
        return (loaded.batch for loaded in self._ready)

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Loaded]:
        """Give the same batches in every epoch."""
        return iter(self._ready[start:])

    def describe(self, index: int) -> str:
        """Name a sample."""
        return f"sample {index}"
