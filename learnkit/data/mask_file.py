"""Read masks: pictures whose pixels are numbers of classes, not colours.

Nothing is scaled, converted or interpolated on the way. Knows no classes and no photos.
"""

import io
import os
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from learnkit.data.decode import (
    MAX_BYTES,
    MAX_PIXELS,
    known_formats,
    pillow_orientation,
    unreadable,
    why_not,
)
from learnkit.data.in_flight import room_for
from learnkit.data.pixels import upright
from learnkit.errors import DataError
from learnkit.regular_file import read_regular

Mask: TypeAlias = npt.NDArray[np.integer]

_ONE_NUMBER: Final = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")
_COLOURS: Final = ("LA", "RGB", "RGBA")


def read_mask(path: str | os.PathLike[str]) -> Mask:
    """Return a mask's numbers, whole numbers (H, W), upright.

    A palette gives its indices, one bit gives 0 and 1, 16 bits stay 16. Colours are taken where
    red, green and blue are one number in every pixel.

    Args:
        path: a PNG, TIFF, BMP or GIF; a JPEG too, though it changes numbers.

    Raises:
        DataError: when the file is missing, no image, or holds colours.
    """
    name = os.fspath(path)
    try:
        data = read_regular(Path(name), max_bytes=MAX_BYTES)
        with Image.open(io.BytesIO(data), formats=known_formats()) as image:
            if image.height * image.width > MAX_PIXELS:
                raise ValueError(f"its header declares {image.width} x {image.height} pixels")
            with room_for(image.height * image.width):
                numbers = _numbers(image, name)
                return _upright(numbers, pillow_orientation(image))
    except DataError:
        raise
    except Exception as error:  # Pillow raises every kind of exception on damaged data
        raise unreadable(name, _why(error)) from error


def _why(error: Exception) -> str:
    missing = isinstance(error, FileNotFoundError)
    return "the file does not exist" if missing else why_not(error)


def _numbers(image: Image.Image, name: str) -> Mask:
    if image.mode in _ONE_NUMBER:
        array = np.asarray(image)
        return array.astype(np.uint8) if array.dtype == np.bool_ else array
    if image.mode in _COLOURS:
        channels = np.asarray(image)[:, :, : 1 if image.mode == "LA" else 3]
        first = channels[:, :, 0]
        if bool((channels == first[:, :, None]).all()):
            return first
    raise DataError(
        f"{name} is no mask: its pixels are colours (mode {image.mode}), and a mask has one number "
        "a pixel. Give each colour a number, and save a PNG of them: "
        'Image.fromarray(numbers.astype("uint8")).save(path).'
    )


def _upright(numbers: Mask, orientation: int) -> Mask:
    if orientation == 1:
        return numbers
    turned: Mask = upright(numbers[:, :, None], orientation)[:, :, 0]  # type: ignore[arg-type]
    return turned
