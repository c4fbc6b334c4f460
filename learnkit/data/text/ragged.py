"""Rows of different length in two flat arrays. Knows no words."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learnkit.randomness import IntArray


@dataclass(frozen=True, eq=False)
class Ragged:
    """Token numbers of many texts.

    Attributes:
        flat: int32 (sum of lengths,), all rows one after the other.
        bounds: int64 (N + 1,), where each row begins, and the end.
    """

    flat: npt.NDArray[np.int32]
    bounds: IntArray

    @classmethod
    def of(cls, rows: Iterable[npt.ArrayLike]) -> "Ragged":
        """Hold rows in the order given."""
        parts = [np.asarray(row, dtype=np.int32) for row in rows]
        bounds = np.zeros(len(parts) + 1, dtype=np.int64)
        np.cumsum([len(part) for part in parts], out=bounds[1:])
        return cls(np.concatenate([np.zeros(0, np.int32), *parts]), bounds)

    @property
    def lengths(self) -> IntArray:
        """Tokens of each row: int64 (N,)."""
        return np.diff(self.bounds)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def take(self, indices: IntArray) -> "Ragged":
        """Return the rows at ``indices``, in that order."""
        bounds = zip(self.bounds[indices].tolist(), self.bounds[indices + 1].tolist(), strict=True)
        return Ragged.of(self.flat[begin:end] for begin, end in bounds)

    def padded(self, indices: IntArray) -> Tensor:
        """Return rows side by side, with zeros behind the shorter ones: int64 (B, T)."""
        lengths = self.lengths[indices]
        x = np.zeros((len(indices), int(lengths.max(initial=1))), dtype=np.int64)
        for place, index in enumerate(indices.tolist()):
            begin, end = self.bounds[index], self.bounds[index + 1]
            x[place, : end - begin] = self.flat[begin:end]
        return torch.from_numpy(x)
