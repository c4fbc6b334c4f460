"""From points on the picture that a model saw back to pixels of the photo in its file."""

import os
from typing import Protocol

import torch
from torch import Tensor

from learnkit.data.caches import Caches
from learnkit.data.geometry import Resize
from learnkit.data.moving import Fitting, fitted
from learnkit.data.photo_size import photo_size
from learnkit.errors import DataError


class Fitted(Protocol):
    """What knows how photos are fitted: an ImageDataBunch, or the inputs of an export."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the pictures, in pixels."""

    @property
    def resize(self) -> Resize:
        """How a photo of another shape is fitted."""


def points_in_pixels(points: Tensor, photo: str | os.PathLike[str], inputs: Fitted) -> Tensor:
    """Return predicted points in pixels of the photo.

    Args:
        points: float (P, 2) in [-1, 1] of the picture, as ``learn.predict(photo).value`` gives
            them; x and y of each.
        photo: its file.
        inputs: the data that was learned from; or of an export ``load_learner(path).card.inputs``.

    Returns:
        float32 (P, 2): x from the left border of the upright photo, y from its top; the middle of
        the first pixel is (0.5, 0.5).

    Raises:
        DataError: when the photo cannot be read, or there are no points.

    Example:
        ``points_in_pixels(learn.predict("cat.jpg").value, "cat.jpg", data)``
    """
    if not isinstance(points, Tensor) or points.ndim != 2 or points.shape[1] != 2:
        found = tuple(points.shape) if isinstance(points, Tensor) else type(points).__name__
        raise DataError(
            f"Points must be a tensor (P, 2), as learn.predict(photo).value is; found {found}."
        )
    height, width = photo_size(photo)
    shown, inner = fitted(height, width, Fitting(inputs.size, inputs.resize, False, Caches(None)))
    (left, top, right, bottom), (x0, y0, x1, y1) = shown, inner
    start, room = torch.tensor([[x0, y0], [x1 - x0, y1 - y0]], dtype=torch.float64)
    low, length = torch.tensor([[left, top], [right - left, bottom - top]], dtype=torch.float64)
    places = low + ((points.double() + 1) / 2 - start) / room * length
    pixels: Tensor = places * torch.tensor([width, height], dtype=torch.float64)
    return pixels.float()
