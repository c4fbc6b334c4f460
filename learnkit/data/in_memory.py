"""Pick whole batches from tensors in memory, instead of one sample after the other."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from learnkit.randomness import IntArray
from learnkit.types import Batch


class InMemory:
    """The tensors of a TensorDataset, or of some of its samples."""

    def __init__(self, x: Tensor, y: Tensor, places: IntArray) -> None:
        self._x, self._y, self._places = x, y, places

    def batch(self, indices: IntArray) -> Batch:
        """Return the samples at ``indices``; float64 as float32."""
        places = torch.from_numpy(self._places[indices])
        x, y = self._x[places], self._y[places]
        return Batch(
            x.float() if x.dtype == torch.float64 else x,
            y.float() if y.dtype == torch.float64 else y,
        )


def tensors_of(dataset: Dataset[Any]) -> InMemory | None:
    """Return the tensors of a TensorDataset of two, seen through any Subsets; else None."""
    places: IntArray | None = None
    while type(dataset) is Subset:
        chosen = np.asarray(dataset.indices, dtype=np.int64)
        places = chosen if places is None else chosen[places]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or len(dataset.tensors) != 2:
        return None
    x, y = dataset.tensors
    return InMemory(x, y, np.arange(len(x), dtype=np.int64) if places is None else places)
