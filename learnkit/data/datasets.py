"""Map-style torch datasets and arrays as the two sides of a bunch."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.split import held_out_words, split_random
from learnkit.data.warn import warn_user
from learnkit.errors import DataError

ArrayLike: TypeAlias = Tensor | npt.NDArray[Any] | Sequence[Any]


def tensor_dataset(x: ArrayLike, y: Tensor) -> TensorDataset:
    """Pair inputs with targets; float64 becomes float32.

    Raises:
        DataError: when they are not equally long.
    """
    values = x if isinstance(x, Tensor) else torch.from_numpy(np.asarray(x))
    if values.dtype == torch.float64:
        values = values.float()
    if len(values) != len(y):
        raise DataError(f"x and y must be equally long: found {len(values)} and {len(y)}.")
    return TensorDataset(values, y)


def hold_out(
    train: Dataset[Any],
    valid: Dataset[Any] | None,
    valid_pct: float | None,
    seed: int,
    *,
    option: str = "valid_ds",
) -> tuple[Dataset[Any], Dataset[Any]]:
    """Return both sides; ``valid_pct`` (0.2 by default) is held out where ``valid`` is None.

    Raises:
        DataError: when both are given, or a dataset is empty or has no length.
    """
    for name, dataset in (("training", train), ("validation", valid)):
        if dataset is not None and not hasattr(dataset, "__len__"):
            raise DataError(
                f"The {name} dataset {type(dataset).__name__} has no length. Give a map-style "
                "dataset, or a DataLoader to from_dls."
            )
        if dataset is not None and not len(dataset):
            raise DataError(f"The {name} dataset is empty.")
    if valid is not None:
        if valid_pct is not None:
            raise DataError(f"{option} and valid_pct={valid_pct:g} were both given: give one.")
        return train, valid
    n: int = len(train)  # type: ignore[arg-type]
    kept, held = split_random(n, 0.2 if valid_pct is None else valid_pct, seed)
    return (
        Subset(train, kept.tolist()),
        Subset(train, held.tolist()),
    )


def split_words(valid: object, valid_pct: float | None, seed: int) -> str:
    """Say how `hold_out` came to its two sides."""
    if valid is not None:
        return "as given"
    return held_out_words(0.2 if valid_pct is None else valid_pct, seed, stratified=False)


def dataset_loaders(
    train: Dataset[Any],
    valid: Dataset[Any],
    batch_size: int,
    num_workers: int | None,
    seed: int,
) -> tuple[DatasetLoader, DatasetLoader]:
    """Return the loaders of two datasets."""
    warn_if_few(len(train), batch_size)  # type: ignore[arg-type]
    return (
        DatasetLoader(
            train, batch_size=batch_size, shuffle=True, seed=seed, num_workers=num_workers
        ),
        DatasetLoader(
            valid, batch_size=batch_size, shuffle=False, seed=seed, num_workers=num_workers
        ),
    )


def warn_if_few(n: int, batch_size: int) -> None:
    """Say so when there is less to train on than one batch."""
    if n < batch_size:
        warn_user(
            f"There are fewer training samples ({n}) than batch_size={batch_size}: "
            f"each epoch is one batch of {n}."
        )
