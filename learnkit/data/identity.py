"""What decides the batches of a loader, as a few plain values.

Two loaders of the same identity give the same batches in every epoch, so a fit that was killed may
go on with the other one. Folders may move: only names below them count, and not what is in the
files. Knows no loader.
"""

import hashlib
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset

from learnkit.data.file_names import FileNames
from learnkit.data.source import FileSource, ImageSource
from learnkit.data.texts import encode_text
from learnkit.data.torch_images import RGBDataset


def names_digest(source: ImageSource) -> str:
    """Return the SHA-256 of all names in a source, as hexadecimal digits.

    Names of files count from their folder on; any other source by its ``key``, or without one by
    how it describes its images.
    """
    if isinstance(source, FileSource):
        return source.names_digest
    if source.key:
        return hashlib.sha256(encode_text(source.key)).hexdigest()
    return FileNames.of(source.describe(index) for index in range(len(source))).digest()


def array_digest(values: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of an array: its type, shape and values."""
    sha = hashlib.sha256()
    _add_array(sha, values)
    return sha.hexdigest()


def dataset_digest(dataset: object) -> str:
    """Return the SHA-256 of what can be told of a torch dataset without asking it for samples.

    That is its type and length; the places of a Subset; the tensors of a TensorDataset; and the
    lists that torchvision's datasets keep of their samples (``samples``, ``imgs``, ``targets``),
    with names counted from the dataset's ``root``.
    """
    sha = hashlib.sha256()
    _add_dataset(sha, dataset)
    return sha.hexdigest()


def dataset_name(dataset: object) -> str:
    """Return the type of a dataset, and of what it wraps: ``Subset of TensorDataset``."""
    inner = _inner(dataset)
    name = type(dataset).__name__
    return name if inner is None else f"{name} of {dataset_name(inner)}"


def _inner(dataset: object) -> object | None:
    if isinstance(dataset, RGBDataset):
        return dataset._dataset
    return dataset.dataset if isinstance(dataset, Subset) else None


def _add_dataset(sha: Any, dataset: object) -> None:
    n = len(dataset) if hasattr(dataset, "__len__") else None
    sha.update(encode_text(f"{type(dataset).__name__} {n}\n"))
    if isinstance(dataset, RGBDataset):
        sha.update(f"{dataset._size} {dataset._resize} {dataset._n_classes}\n".encode())
    if isinstance(dataset, Subset):
        _add_array(sha, np.asarray(dataset.indices, dtype=np.int64))
    if isinstance(dataset, TensorDataset):
        for tensor in dataset.tensors:
            _add_tensor(sha, tensor)
    inner = _inner(dataset)
    if inner is not None:
        _add_dataset(sha, inner)
        return
    held = getattr(dataset, "__dict__", {})  # no property, which might take its time
    begins = os.path.join(str(held.get("root", "")), "")  # noqa: PTH118  # for every sample
    for name in ("samples", "imgs", "targets"):
        if name in held and not (name == "imgs" and held[name] is held.get("samples")):
            _add_list(sha, held[name], begins)


def _add_list(sha: Any, values: object, begins: str) -> None:
    """Add an array, or a list of names, of numbers, or of rows of such; else nothing."""
    if isinstance(values, Tensor):
        _add_tensor(sha, values)
    elif isinstance(values, np.ndarray) and not values.dtype.hasobject:
        _add_array(sha, values)
    if not isinstance(values, list | tuple):
        return
    kinds = set(map(type, values))
    if kinds == {str}:
        text = "\n".join([name.removeprefix(begins) for name in values])
        sha.update(encode_text(text.replace(os.sep, "/")))
    elif all(issubclass(kind, int | float | np.number) for kind in kinds):
        _add_list(sha, np.array(values), "")
    elif kinds <= {tuple, list} and len(set(map(len, values))) == 1:
        for place in range(len(values[0])):
            _add_list(sha, [row[place] for row in values], begins)


def _add_tensor(sha: Any, tensor: Tensor) -> None:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    sha.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
    sha.update(flat.view(torch.uint8).numpy())


def _add_array(sha: Any, values: npt.NDArray[Any]) -> None:
    plain = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    sha.update(f"{plain.dtype.str} {values.shape}\n".encode())
    sha.update(plain.reshape(-1).view(np.uint8))
