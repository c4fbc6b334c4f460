"""A loader that gives one batch of any size, made of the samples of another loader."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learnkit.errors import DataError
from learnkit.types import Batch, BatchLoader, Loaded, batches_of


class OneBatch:
    """A loader of one batch of ``size`` samples an epoch: the first of another, and these again."""

    def __init__(self, loader: BatchLoader, size: int) -> None:
        self.batch_size = self.n_samples = size
        self._loader = loader

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Batch]:
        yield from (loaded.batch for loaded in self.batches(0))

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Loaded]:
        """Give the one batch of any epoch."""
        if start == 0:
            yield self._gathered()

    def describe(self, index: int) -> str:
        """Name a sample."""
        return self._loader.describe(index)

    def _gathered(self) -> Loaded:
        found: list[Loaded] = []
        while sum(len(loaded.indices) for loaded in found) < self.batch_size:
            before = len(found)
            with batches_of(self._loader) as batches:
                for loaded in batches:
                    found.append(loaded)
                    if sum(len(one.indices) for one in found) >= self.batch_size:
                        break
            if len(found) == before:
                raise DataError("the training loader gave no batch, so there is none to enlarge.")
        counts = [len(loaded.indices) for loaded in found]
        x = _joined([loaded.batch.x for loaded in found], counts, self.batch_size)
        y = _joined([loaded.batch.y for loaded in found], counts, self.batch_size)
        indices = np.concatenate([loaded.indices for loaded in found])[: self.batch_size]
        return Loaded(Batch(x, y), indices)


def _joined(values: list[Any], counts: list[int], size: int) -> Any:
    """Put the parts of a batch one after the other, and keep the first ``size`` samples."""
    first = values[0]
    if isinstance(first, Tensor):
        alike = all(v.ndim and len(v) == n for v, n in zip(values, counts, strict=True))
        return torch.cat(values)[:size] if alike else first
    if isinstance(first, dict):
        return {k: _joined([v[k] for v in values], counts, size) for k in first}
    if isinstance(first, tuple | list):
        parts = [_joined(list(part), counts, size) for part in zip(*values, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    return first
