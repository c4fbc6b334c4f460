"""From the targets of arrays and torch datasets to numbers and class names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from learnkit.data.labels import encode, is_missing, names_of_classes, sorted_classes
from learnkit.errors import DataError
from learnkit.losses import binary_cross_entropy_of_logits
from learnkit.names import did_you_mean
from learnkit.tasks import MultiLabel
from learnkit.types import LossFn


def encode_targets(
    parts: Sequence[Tensor | npt.NDArray[Any] | Sequence[Any]], classes: Sequence[object] | None
) -> tuple[list[Tensor], tuple[str, ...]]:
    """Turn the targets of train (and valid) into tensors, and find the classes.

    Names become int64 indices into the sorted names. Whole numbers stay as they are and must run
    from 0. Real values become float32 and have no classes. Booleans (N, K) are several labels at
    once and stay booleans; their classes are the given names of the K labels, if any.

    Raises:
        DataError: for a missing label, a negative one, or one that is not in ``classes``; for
            several labels at once with another number of names.
    """
    arrays = [_array(part) for part in parts]
    for array in arrays:
        _check_present(array)
    kinds = {array.dtype.kind for array in arrays}
    if kinds <= {"f"}:
        return [torch.from_numpy(array.astype(np.float32)) for array in arrays], ()
    if kinds <= {"b"} and all(array.ndim > 1 for array in arrays):
        return [torch.from_numpy(array.copy()) for array in arrays], _label_names(classes, arrays)
    if kinds <= {"i", "u", "b"}:
        numbers = [array.astype(np.int64) for array in arrays]
        lowest = min(int(array.min()) for array in numbers if array.size)
        if lowest < 0:
            raise DataError(f"Labels must be whole numbers from 0 on: found {lowest}.")
        highest = max(int(array.max()) for array in numbers if array.size)
        names = _class_names(classes, highest)
        return [torch.from_numpy(array) for array in numbers], names
    texts = [[str(value) for value in array.tolist()] for array in arrays]
    names = names_of_classes(classes) if classes is not None else sorted_classes(texts[0])
    for part in texts:
        for label in sorted_classes(part):
            if label not in names:
                raise DataError(
                    f"Label {label!r} is not in the classes {list(names)}."
                    f"{did_you_mean(label, names)} Give every class in classes=."
                )
    return [torch.from_numpy(encode(part, names)) for part in texts], names


def several_labels(
    targets: Tensor, classes: tuple[str, ...], loss_func: LossFn | None
) -> MultiLabel | None:
    """Return the task of boolean targets (N, K); None for other targets."""
    if targets.dtype != torch.bool:
        return None
    return MultiLabel(loss_func or binary_cross_entropy_of_logits, classes)


def _label_names(
    classes: Sequence[object] | None, arrays: Sequence[npt.NDArray[Any]]
) -> tuple[str, ...]:
    if classes is None:
        return ()
    names = names_of_classes(classes)
    for array in arrays:
        if array.shape[1] != len(names):
            raise DataError(
                f"There are {len(names)} classes {list(names)}, but the targets, booleans of shape "
                f"{array.shape}, have {array.shape[1]} labels each."
            )
    return names


def _class_names(classes: Sequence[object] | None, highest: int) -> tuple[str, ...]:
    if classes is None:
        return tuple(str(number) for number in range(highest + 1))
    names = names_of_classes(classes)
    if highest >= len(names):
        raise DataError(
            f"A label is {highest}, but with the {len(names)} classes {list(names)} labels run "
            f"from 0 to {len(names) - 1}."
        )
    return names


def _array(part: Tensor | npt.NDArray[Any] | Sequence[Any]) -> npt.NDArray[Any]:
    array = part.numpy(force=True) if isinstance(part, Tensor) else np.asarray(part)
    if array.ndim == 0 or not len(array):
        raise DataError(f"Targets must have one entry for each sample: found shape {array.shape}.")
    return array


def _check_present(array: npt.NDArray[Any]) -> None:
    if array.dtype.kind == "f":
        bad = np.flatnonzero(np.isnan(array.reshape(len(array), -1)).any(axis=1))
    elif array.dtype.kind in "OU":
        bad = np.flatnonzero([is_missing(value) for value in array.tolist()])
    else:
        return
    if len(bad):
        raise DataError(
            f"{len(bad)} of {len(array)} labels are missing (NaN), the first in row {bad[0]} "
            "(counted from 0). Fill them in, or remove those rows."
        )


def known_classes(dataset: Dataset[Any]) -> list[str] | None:
    """Return the names that a dataset (or the one it is a subset of) gives as ``classes``."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    names = getattr(dataset, "classes", None)
    return None if names is None else [str(name) for name in names]


def known_targets(dataset: Dataset[Any]) -> list[int] | None:
    """Return the targets of a dataset if it has them at hand, without loading its samples."""
    if isinstance(dataset, Subset):
        whole = known_targets(dataset.dataset)
        return None if whole is None else [whole[index] for index in dataset.indices]
    if isinstance(dataset, TensorDataset):
        values: Any = dataset.tensors[-1]
    else:
        values = getattr(dataset, "targets", None)
        values = getattr(dataset, "labels", None) if values is None else values
    if values is None:
        return None
    array = np.asarray(values)
    return array.tolist() if array.ndim == 1 and array.dtype.kind in "iu" else None
