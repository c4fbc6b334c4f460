"""Fetch samples from a dataset of the user's, so that what it draws at random is reproducible.

The transforms inside such a dataset draw from global generators: torch's, Python's and NumPy's old
one. They are set from (seed, epoch, index) before each sample and put back afterwards.
"""

import random
from collections.abc import Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, default_collate, get_worker_info

from learnkit.data.decode import decode_any
from learnkit.errors import DataError
from learnkit.randomness import key_of, mix
from learnkit.types import Batch

Key: TypeAlias = tuple[int, int]  # epoch, index


@contextmanager
def kept_globals() -> Iterator[None]:
    """Put the CPU's global generators back on leaving: torch's, Python's and NumPy's."""
    of_torch, of_python, of_numpy = (
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state(),
    )
    try:
        yield
    finally:
        torch.set_rng_state(of_torch)
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def seed_globals(*keys: int) -> None:
    """Set the CPU's global generators from integers."""
    value = mix(*keys)
    torch.default_generator.manual_seed(value)
    random.seed(value)
    np.random.seed(value & 0xFFFFFFFF)


class KeyedDataset(Dataset[tuple[Any, Any]]):
    """A map-style dataset asked by (epoch, index); small, so that workers get it at little cost.

    Each sample is a pure function of (seed, epoch, index), whichever process fetches it.

    Attributes:
        at: one number: the index that is being fetched, else -1. Others may put memory here that
            they can look into when the process has died.
    """

    def __init__(self, dataset: Dataset[Any], seed: int) -> None:
        self._dataset, self._seed = dataset, seed
        self.at: MutableSequence[int] | memoryview = [-1]

    def __getitem__(self, key: Key) -> tuple[Any, Any]:
        epoch, index = key
        self.at[0] = index
        seed_globals(self._seed, key_of("sample"), epoch, index)
        try:
            sample = self._dataset[index]
        except Exception as error:
            error.add_note(f"while loading {self._name(index)}")
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # would end a worker process, and its reason be lost
            if get_worker_info() is None:
                raise
            raise RuntimeError(
                f"{self._name(index)} raised {type(error).__name__}: {error}"
            ) from error
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            raise DataError(
                f"{self._name(index)} is {_shown(sample)}. Let the dataset give pairs (x, y)."
            )
        x, y = sample
        if isinstance(y, str):
            raise DataError(
                f"{self._name(index)} has the label {y!r}. Let the dataset give the number of the "
                f"class."
            )
        x = _pil_to_tensor(x) if isinstance(x, Image.Image) else x
        self.at[0] = -1
        return x, y

    def _name(self, index: int) -> str:
        return f"sample {index} of {type(self._dataset).__name__}"


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _pil_to_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(decode_any(image).copy()).permute(2, 0, 1)


def collate(samples: Sequence[tuple[Any, Any]]) -> Batch:
    """Stack samples as torch does, and float64, which no model wants, as float32.

    Raises:
        DataError: when the samples have different shapes.
    """
    xs, ys = zip(*samples, strict=True)
    for what, values in (("x", xs), ("y", ys)):
        shapes = {tuple(value.shape) for value in values if hasattr(value, "shape")}
        if len(shapes) > 1:
            found = " and ".join(map(str, sorted(shapes)[:2]))
            raise DataError(
                f"The samples of a batch must have one shape; {what} has {found}. Resize in the "
                f"dataset's transform."
            )
    return Batch(_narrow(default_collate(list(xs))), _narrow(default_collate(list(ys))))


def _narrow(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype == torch.float64 else value
