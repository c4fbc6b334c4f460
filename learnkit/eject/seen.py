"""The data that a fit saw, so that other data is noticed when the fit is written down."""

import weakref
from typing import Final

import torch
from torch import Tensor

from learnkit.data.bunch import DataBunch
from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.loader import ImageLoader
from learnkit.eject.stamp import stamp_of
from learnkit.types import BatchLoader

MAX_BYTES: Final = 1 << 30  # of tensors; of more, torch's counts of writes are compared alone


class Seen:
    """Which data it was, without keeping it alive, and a stamp of what lies in memory.

    Args:
        data: of the fit.
    """

    def __init__(self, data: DataBunch) -> None:
        self._data = weakref.ref(data)
        self._was = _contents(data)

    def is_other(self, data: DataBunch) -> bool:
        """Say whether ``data`` is another bunch."""
        return self._data() is not data

    def has_changed(self, data: DataBunch) -> bool:
        """Say whether tensors or labels in memory are others than the fit saw."""
        return self._was != _contents(data)


def _contents(data: DataBunch) -> tuple[int, ...]:
    loaders = (data.train_dl, data.valid_dl)
    tensors = [tensor for loader in loaders for tensor in _tensors(loader)]
    unique = list({id(tensor): tensor for tensor in tensors}.values())
    if sum(tensor.nbytes for tensor in unique) > MAX_BYTES:
        return tuple(tensor._version for tensor in unique)
    return stamp_of(unique)


def _tensors(loader: BatchLoader | None) -> list[Tensor]:
    if type(loader) is ImageLoader:
        return [torch.from_numpy(loader.labels)]
    if type(loader) is DatasetLoader and loader._in_memory is not None:
        held = loader._in_memory
        return [held._x, held._y]
    return []
