"""See any torch dataset of images as one of RGB tensors of one size."""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from learnkit.data.decode import decode_any
from learnkit.data.fetch import kept_globals
from learnkit.data.geometry import Resize, fit_image
from learnkit.data.labels import names_of_classes
from learnkit.data.targets import known_classes, known_targets
from learnkit.errors import DataError


def to_rgb_tensor(image: Any, size: tuple[int, int], resize: Resize, *, name: str) -> Tensor:
    """Turn one image of a dataset into a tensor (3, H, W).

    PIL images, arrays (H, W, C) and uint8 tensors become uint8 of ``size``. Float tensors stay as
    they are, since their range is the dataset's own choice, but must have that size already.

    Raises:
        DataError: naming the sample, for anything else.
    """
    if not isinstance(image, Tensor) or image.dtype == torch.uint8:
        pixels = fit_image(decode_any(image), size, resize)
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    shape = tuple(image.shape)
    if image.ndim != 3 or shape[0] not in (1, 3) or shape[1:] != size:
        raise DataError(
            f"{name} is a {str(image.dtype).removeprefix('torch.')} tensor of shape {shape}, "
            f"expected (3, {size[0]}, {size[1]}). Resize it in the dataset, or let the dataset "
            "give PIL images or uint8 tensors (3, H, W), which are resized here."
        )
    return image.float().expand(3, *size)


class RGBDataset(Dataset[tuple[Tensor, int]]):
    """A map-style dataset of images, as tensors (3, H, W) of one size."""

    def __init__(
        self, dataset: Dataset[Any], size: tuple[int, int], resize: Resize, n_classes: int
    ) -> None:
        self._dataset, self._size, self._resize = dataset, size, resize
        self._n_classes = n_classes

    def __len__(self) -> int:
        return len(self._dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, label = pair_of(self._dataset, index)
        name = f"Sample {index} of {type(self._dataset).__name__}"
        number = _class_number(label, self._n_classes, name=name)
        return to_rgb_tensor(image, self._size, self._resize, name=name), number


def _class_number(label: Any, n_classes: int, *, name: str) -> int:
    try:
        number = operator.index(label)
    except TypeError:
        raise DataError(
            f"{name} has the label {label!r}. Let the dataset give the number of the class."
        ) from None
    if not 0 <= number < n_classes:
        raise DataError(
            f"{name} has label {number}, but with {n_classes} classes labels run from 0 to "
            f"{n_classes - 1}."
        )
    return number


def pair_of(dataset: Dataset[Any], index: int) -> tuple[Any, Any]:
    """Return (image, label) of one sample.

    Raises:
        DataError: when a sample is anything but a pair.
    """
    sample = dataset[index]
    if not isinstance(sample, tuple | list) or len(sample) != 2:
        raise DataError(
            f"A dataset must give pairs (image, label): {type(dataset).__name__} gave a "
            f"{type(sample).__name__} for sample {index}."
        )
    return sample[0], sample[1]


def own_size(dataset: Dataset[Any]) -> tuple[int, int]:
    """Return the size (H, W) of the first image when it is a tensor, else 224 x 224."""
    with kept_globals():  # its transforms may draw random numbers
        image, _ = pair_of(dataset, 0)
    if isinstance(image, Tensor) and image.ndim >= 2:
        return int(image.shape[-2]), int(image.shape[-1])
    return 224, 224


def image_classes(dataset: Dataset[Any], given: Sequence[object] | None) -> tuple[str, ...]:
    """Return the classes of a dataset: given, its own, or its targets as numbers.

    Raises:
        DataError: when none of them is known, or there are fewer than two classes.
    """
    names: Sequence[object] | None = given if given is not None else known_classes(dataset)
    targets = known_targets(dataset)
    if names is None:
        if targets is None:
            raise DataError(
                f"The classes of {type(dataset).__name__} are not known, since it has neither "
                "classes nor targets. Give their names in classes=."
            )
        names = range(max(targets) + 1)
    classes = names_of_classes(names)
    if len(classes) < 2:
        raise DataError(
            f"Training needs at least two classes: {type(dataset).__name__} has {list(classes)}."
        )
    for index, number in enumerate(targets or ()):
        _class_number(number, len(classes), name=f"Sample {index} of {type(dataset).__name__}")
    return classes
