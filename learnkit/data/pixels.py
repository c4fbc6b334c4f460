"""Turn decoded pixels of any kind into upright RGB. Knows no files.

Everything here gives uint8 (H, W, 3).
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from learnkit.errors import DataError

RGB: TypeAlias = npt.NDArray[np.uint8]

_BAND: Final = 1 << 22  # pixels that are converted at once


def image_to_rgb(image: Image.Image) -> RGB:
    """Convert a PIL image of any mode; transparency is laid on white.

    A large one is converted by bands of rows, since a copy of all of it in every step would take
    ten times the memory of the result.
    """
    convert = _wide_converter(image) if _is_wide(image) else _convert
    bands = list(_bands(image))
    if len(bands) == 1:
        return convert(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, bottom in bands:
        pixels[top:bottom] = convert(image.crop((0, top, image.width, bottom)))
    return pixels


def _bands(image: Image.Image) -> Iterator[tuple[int, int]]:
    rows = max(1, _BAND // max(1, image.width))
    for top in range(0, max(1, image.height), rows):
        yield top, min(top + rows, image.height)


def _convert(image: Image.Image) -> RGB:
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        image = white
    return np.asarray(image.convert("RGB"))


def _is_wide(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _extremes(image: Image.Image) -> tuple[float, float]:
    """Return the lowest and the highest of one channel's finite values."""
    low, high = np.inf, -np.inf
    for top, bottom in _bands(image):
        values = _finite(image.crop((0, top, image.width, bottom)))
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    return low, high


def _wide_converter(image: Image.Image) -> Callable[[Image.Image], RGB]:
    """Return what scales one channel of more than 8 bits, where Pillow would clip it to white.

    Integers are taken as 16-bit, floats as [0, 1]; values outside are stretched from their own
    lowest and highest, since nothing says what they mean.
    """
    low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else _extremes(image)
    full = 1.0 if image.mode == "F" else 65535.0
    if low < 0.0 or high > full:
        full = high - low or 1.0
    else:
        low = 0.0

    def convert(part: Image.Image) -> RGB:
        gray = np.rint((_finite(part) - low) * (255.0 / full)).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)

    return convert


def _finite(image: Image.Image) -> npt.NDArray[np.float64]:
    return np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)


def any_array_to_rgb(array: npt.NDArray[np.generic], *, channels_first: bool) -> RGB:
    """Convert uint8, uint16 or float in [0, 1] of 1, 3 or 4 channels, or of none.

    Raises:
        DataError: for another shape, dtype or range.
    """
    shape, dtype = array.shape, array.dtype
    if array.ndim == 2:
        array = array[:, :, None]
    elif channels_first and array.ndim == 3:
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        expected = "(H, W) or (C, H, W)" if channels_first else "(H, W) or (H, W, C)"
        raise DataError(f"An image must be {expected} with 1, 3 or 4 channels; found {shape}.")
    pixels = _to_uint8(array)
    if pixels is None:
        raise DataError(
            f"The pixels of an image must be uint8, uint16 or float in [0, 1]; found {dtype}"
            + (" with other values." if np.issubdtype(dtype, np.floating) else ".")
        )
    if pixels.shape[2] == 4:
        return image_to_rgb(Image.fromarray(np.ascontiguousarray(pixels)))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _to_uint8(array: npt.NDArray[np.generic]) -> RGB | None:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype == np.uint16:
        return np.rint(array.astype(np.float64) / 257.0).astype(np.uint8)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(array.dtype, np.floating):
        values = array.astype(np.float64)
        if bool(np.all((values >= -1e-3) & (values <= 1.0 + 1e-3))):
            return np.rint(values.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    return None


def upright(pixels: RGB, orientation: int) -> RGB:
    """Turn pixels as the camera stored them into the way it was held.

    ``orientation`` is EXIF's: 1 as stored, 2 mirrored, 3 by 180 degrees, 4 upside down, 5 to 8
    with rows and columns exchanged.
    """
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
