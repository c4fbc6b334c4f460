"""Batches of raw samples of different lengths: neighbours of one length go together.

For prediction: nothing is padded, so an answer does not depend on who else is asked for.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from learnkit.types import Batch, Loaded


class EqualLengths:
    """Batches of tensors (T, ...), in their order; y int64 (B,), all 0.

    Args:
        samples: one tensor each.
        batch_size: samples per batch, at most.
    """

    def __init__(self, samples: Sequence[Tensor], batch_size: int) -> None:
        self._samples, self._batch_size = samples, batch_size
        self._groups = list(self._cut())

    def _cut(self) -> Iterator[list[int]]:
        for _, group in groupby(range(len(self._samples)), lambda i: len(self._samples[i])):
            places = list(group)
            for first in range(0, len(places), self._batch_size):
                yield places[first : first + self._batch_size]

    @property
    def batch_size(self) -> int:
        """Samples per batch, at most."""
        return self._batch_size

    @property
    def n_samples(self) -> int:
        """All samples."""
        return len(self._samples)

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Batch]:
        with closing(self.batches(0)) as loaded:
            for one in loaded:
                yield one.batch

    def batches(self, epoch: int, *, start: int = 0) -> Generator[Loaded, None, None]:
        """Give the batches from batch ``start`` on; all epochs are alike."""
        for places in self._groups[start:]:
            x = torch.stack([self._samples[place] for place in places])
            y = torch.zeros(len(places), dtype=torch.int64)
            yield Loaded(Batch(x, y), np.array(places, dtype=np.int64))

    def describe(self, index: int) -> str:
        """Return ``sample 7``."""
        return f"sample {index}"
