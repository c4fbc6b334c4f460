"""Turn an image file, or an image in memory, into RGB pixels.

Everything becomes uint8 (H, W, 3), upright, alpha on white, first frame. Knows nothing of labels,
sizes to train at, caches or batches.
"""

import io
import os
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from learnkit.data.in_flight import room_for
from learnkit.data.jpeg import jpeg_eighths, jpeg_orientation, n_scans
from learnkit.data.pixels import RGB, any_array_to_rgb, image_to_rgb, upright
from learnkit.errors import DataError
from learnkit.regular_file import read_regular

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SCANNED_PIXELS",
    "ImageLike",
    "decode",
    "decode_any",
    "decode_bytes",
    "jpeg_eighths",
    "jpeg_orientation",
]

ImageLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.generic] | Tensor"
)

# Twice Pillow's warning level, where Pillow itself refuses. A header can declare any size.
MAX_PIXELS: Final = 178_956_970
# A WebP of one colour has any size in 38 bytes. A white page in PNG has 1,000 pixels in a byte, or
# 8,000 if it knows nothing but black and white; photos have less than 100.
_IN_A_BYTE: Final = 2_000
_ALWAYS: Final = 16 << 20
MAX_BYTES: Final = 2 << 30
# A progressive JPEG is gone over once for each of its scans, usually 10, and 31 bytes make one.
MAX_SCANNED_PIXELS: Final = 24 * MAX_PIXELS

# What photos are kept in. Pillow knows 30 more, among them programs that it would run (EPS).
_FORMATS: Final = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "MPO", "AVIF", "HEIF")

_ORIENTATION: Final = 0x0112


def decode(path: str | os.PathLike[str], *, min_short: int | None = None) -> RGB:
    """Read an image file as uint8 (H, W, 3) RGB.

    Args:
        path: the file.
        min_short: the short side that the caller needs, in pixels. A JPEG is decoded at an eighth,
            two eighths, ... of its size when that still leaves as much, which costs a fraction of
            the time. The same ``min_short`` always gives the same pixels.

    Raises:
        DataError: when the file is missing, empty, truncated, a folder or no image; the message
            names it and says why.
    """
    name = os.fspath(path)
    try:
        data = read_regular(Path(name), max_bytes=MAX_BYTES)
    except FileNotFoundError:
        raise unreadable(name, "the file does not exist") from None
    except OSError as error:
        raise unreadable(name, error.strerror or str(error)) from error
    except ValueError as error:  # from the system's own functions
        raise unreadable(name, "its name has a zero byte") from error
    return decode_bytes(data, name=name, min_short=min_short)


def decode_bytes(data: bytes, *, name: str, min_short: int | None = None) -> RGB:
    """Decode the content of an image file; ``name`` is for the message. See ``decode``."""
    if not data:
        raise unreadable(name, "the file is empty (0 bytes)")
    try:
        if data.startswith(b"\xff\xd8"):
            pixels = _decode_jpeg(data, min_short or 0)
            if pixels is not None:
                return upright(pixels, jpeg_orientation(data))
        return _decode_pillow(data)
    except Exception as error:  # the decoders raise every kind of exception on damaged data
        raise unreadable(name, why_not(error)) from error


def decode_any(item: ImageLike, *, min_short: int | None = None) -> RGB:
    """Turn whatever a user may hold as one image into uint8 (H, W, 3) RGB.

    Args:
        item: a path; the bytes of a file; a PIL image; an array uint8 or float in [0, 1], (H, W)
            or (H, W, C); a tensor uint8 or float in [0, 1], (H, W) or (C, H, W); C is 1, 3 or 4.
        min_short: see ``decode``; only used for paths and bytes.

    Raises:
        DataError: when it is none of these, or cannot be decoded.
    """
    if isinstance(item, str | os.PathLike):
        return decode(item, min_short=min_short)
    if isinstance(item, bytes | bytearray | memoryview):
        return decode_bytes(bytes(item), name="the image in memory", min_short=min_short)
    if isinstance(item, Image.Image):
        return upright(image_to_rgb(item), pillow_orientation(item))
    if isinstance(item, Tensor):
        array = item.detach().to("cpu", torch.float32 if item.is_floating_point() else item.dtype)
        return any_array_to_rgb(array.numpy(), channels_first=True)
    if isinstance(item, np.ndarray):
        return any_array_to_rgb(item, channels_first=False)
    raise DataError(
        f"An image can be a path, the bytes of a file, a PIL image, an array (H, W, 3) or a tensor "
        f"(3, H, W); found {type(item).__name__}."
    )


def unreadable(name: str, reason: str) -> DataError:
    """Return the error for an image file that cannot be read."""
    return DataError(f"{name} cannot be read as an image: {reason}.")


def why_not(error: Exception) -> str:
    """Say in words why an image cannot be decoded."""
    if isinstance(error, UnidentifiedImageError):
        return "its content is no image format that Pillow knows"
    return str(error).strip().rstrip(".") or type(error).__name__


def _check_pixels(height: int, width: int, nbytes: int, scans: int) -> None:
    if height * width > MAX_PIXELS:
        raise ValueError(
            f"its header declares {width} x {height} pixels, more than the {MAX_PIXELS:,} allowed"
        )
    if height * width > max(_ALWAYS, nbytes * _IN_A_BYTE):
        raise ValueError(
            f"its header declares {width} x {height} pixels, more than its {nbytes:,} bytes can "
            "hold of a photo"
        )
    if scans * height * width > MAX_SCANNED_PIXELS:
        raise ValueError(f"it goes over its {width} x {height} pixels {scans} times")


def _decode_jpeg(data: bytes, min_short: int) -> RGB | None:
    """Decode by libjpeg-turbo, scaled; None when Pillow must do it."""
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):  # KeyError where the file ends within its header
        return None
    scans = n_scans(data)
    _check_pixels(height, width, len(data), scans)
    if colorspace not in ("Gray", "YCbCr", "RGB"):
        return None  # CMYK and YCCK
    eighths = jpeg_eighths(min(height, width), min_short) if min_short > 0 else 8
    held = height * width * (64 if scans > 1 else eighths * eighths) // 64
    try:
        with room_for(held):
            pixels: RGB = simplejpeg.decode_jpeg(
                data,
                colorspace="RGB",
                min_height=-(-height * eighths // 8),
                min_width=-(-width * eighths // 8),
                min_factor=1,
            )
    except ValueError:
        # Either truncated, which Pillow refuses too, or merely odd (stray bytes before a marker,
        # as cameras write them), which Pillow reads.
        return None
    return pixels


def _decode_pillow(data: bytes) -> RGB:
    with Image.open(io.BytesIO(data), formats=known_formats()) as image:
        is_jpeg = image.format in ("JPEG", "MPO")
        scans = n_scans(data) if is_jpeg else 1
        _check_pixels(image.height, image.width, len(data), scans)
        with room_for(image.height * image.width):
            orientation = jpeg_orientation(data) if is_jpeg else pillow_orientation(image)
            return upright(image_to_rgb(image), orientation)


def known_formats() -> tuple[str, ...]:
    """Return the formats that this Pillow reads, some of which may be left out of it."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def pillow_orientation(image: Image.Image) -> int:
    """Return EXIF's orientation, 1 to 8; 1 where there is none, or one that does not exist."""
    try:
        value = int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF must not cost the photo
        return 1
    return value if 1 <= value <= 8 else 1
