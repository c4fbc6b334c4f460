"""Targets that are cropped and resized while loading, as the photos they lie on.

A photo is decoded small, kept small and then cropped, so what travels is the part of it that a
picture shows, as shares of its sides (`Part`). Here are points; masks are in ``moving_masks``.
Knows no files but their sizes, and nothing of batches on a device.
"""

from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learnkit.data.caches import Caches
from learnkit.data.geometry import Resize, centre_box, padded_box
from learnkit.data.identity import array_digest
from learnkit.data.photo_size import PhotoSizes
from learnkit.data.source import ImageSource
from learnkit.errors import DataError

Targets: TypeAlias = npt.NDArray[np.generic]


class Part(NamedTuple):
    """A box of a photo, in shares of its width and height: (0, 0, 1, 1) is all of it."""

    left: float
    top: float
    right: float
    bottom: float


WHOLE = Part(0.0, 0.0, 1.0, 1.0)


class Fitting(NamedTuple):
    """How photos become pictures of one size.

    Attributes:
        size: (H, W) of the pictures, in pixels.
        resize: how a photo is fitted where there is no random crop.
        crops: whether there is one.
        caches: where a cache comes from.
    """

    size: tuple[int, int]
    resize: Resize
    crops: bool
    caches: Caches


class MovingTargets(Protocol):
    """Targets of one loader, which move with its photos; called from many threads at once."""

    def room(self, n: int) -> Tensor:
        """Return a tensor (n, ...) for the targets of a batch, whatever its values."""

    def put_into(self, out: Targets, index: int, part: Part | None) -> None:
        """Write the target of photo ``index`` into its place in a batch.

        Args:
            out: the place.
            index: of the photo.
            part: what a random crop shows of the photo; None where it is fitted.

        Raises:
            DataError: when this one target cannot be read or does not fit its photo.
        """

    def check(self, index: int) -> None:
        """Raise what ``put_into`` would."""


class Moving(Protocol):
    """Targets that can be bound to the photos of a loader."""

    @property
    def digest(self) -> str:
        """The same in every process for the same targets, wherever their files lie."""

    def __len__(self) -> int:
        """How many targets there are."""

    def bind(self, photos: ImageSource, fitting: Fitting) -> MovingTargets:
        """Return the targets as they move with these photos."""


class MovingPoints:
    """Points on photos: given in pixels of the photo, loaded as shares of the picture.

    Args:
        points: float (N, 2 P) or (N, P, 2): x and y of each of P points, in pixels of the upright
            photo as it is in its file, x to the right from its left border, y down from its top.
            The middle of the first pixel is (0.5, 0.5). NaN stays NaN.

    Loaded are float32 (B, 2 P): from -1, the left or top border of the picture, to 1, the right or
    bottom one; points that are cropped away are beyond.

    Raises:
        DataError: for another shape or dtype.

    Example:
        ``ImageLoader(source, points, moving=MovingPoints(points))``
    """

    def __init__(self, points: npt.NDArray[np.floating]) -> None:
        array = np.asarray(points)
        if array.ndim == 3 and array.shape[2] == 2:
            array = array.reshape(len(array), -1)
        if array.ndim != 2 or array.shape[1] % 2 or not np.issubdtype(array.dtype, np.number):
            raise DataError(
                "Points must be numbers (N, 2 P) or (N, P, 2), x and y of each of P points; found "
                f"{array.dtype} of shape {array.shape}."
            )
        self._points = array.astype(np.float64)

    @property
    def digest(self) -> str:
        """SHA-256 of the points."""
        return array_digest(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def bind(self, photos: ImageSource, fitting: Fitting) -> MovingTargets:
        """Return the points as they move with these photos."""
        return _Points(self._points, PhotoSizes(photos), fitting)


class _Points:
    def __init__(
        self, points: npt.NDArray[np.float64], sizes: PhotoSizes, fitting: Fitting
    ) -> None:
        self._points, self._sizes, self._fitting = points, sizes, fitting

    def room(self, n: int) -> Tensor:
        return torch.empty((n, self._points.shape[1]))

    def put_into(self, out: Targets, index: int, part: Part | None) -> None:
        height, width = self._sizes.of(index)
        places = self._points[index].reshape(-1, 2) / (width, height)
        shown, inner = fitted(height, width, self._fitting) if part is None else (part, WHOLE)
        low, high = np.array(shown[:2]), np.array(shown[2:])
        first, last = np.array(inner[:2]), np.array(inner[2:])
        in_picture = first + (places - low) / (high - low) * (last - first)
        out[:] = (2.0 * in_picture - 1.0).reshape(-1)

    def check(self, index: int) -> None:
        self._sizes.of(index)


def fitted(height: int, width: int, fitting: Fitting) -> tuple[Part, Part]:
    """Return which part of a photo is shown, and on which part of the picture.

    What is left of the picture shows the photo reflected.

    Args:
        height: of the photo, in pixels.
        width: of the photo, in pixels.
        fitting: without a random crop.
    """
    size = fitting.size
    if fitting.resize == "crop":
        left, top, right, bottom = centre_box(height, width, size)
        return Part(left / width, top / height, right / width, bottom / height), WHOLE
    if fitting.resize == "pad":
        left, top, right, bottom = padded_box(height, width, size)
        return WHOLE, Part(left / size[1], top / size[0], right / size[1], bottom / size[0])
    return WHOLE, WHOLE
