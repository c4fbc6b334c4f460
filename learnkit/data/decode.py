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

from learnkit.data.geometry import SLACK
from learnkit.data.pixels import RGB, any_array_to_rgb, image_to_rgb, upright
from learnkit.errors import DataError

ImageLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.generic] | Tensor"
)

# Twice Pillow's warning level, where Pillow itself refuses. A header can declare any size.
MAX_PIXELS: Final = 178_956_970

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
        data = Path(name).read_bytes()
    except IsADirectoryError:
        raise _unreadable(name, "it is a folder") from None
    except FileNotFoundError:
        raise _unreadable(name, "the file does not exist") from None
    except OSError as error:
        # Windows says PermissionError for a folder
        reason = "it is a folder" if Path(name).is_dir() else (error.strerror or str(error))
        raise _unreadable(name, reason) from error
    return decode_bytes(data, name=name, min_short=min_short)


def decode_bytes(data: bytes, *, name: str, min_short: int | None = None) -> RGB:
    """Decode the content of an image file; ``name`` is for the message. See ``decode``."""
    if not data:
        raise _unreadable(name, "the file is empty (0 bytes)")
    try:
        if data.startswith(b"\xff\xd8"):
            pixels = _decode_jpeg(data, min_short or 0)
            if pixels is not None:
                return upright(pixels, jpeg_orientation(data))
        return _decode_pillow(data)
    except Exception as error:  # the decoders raise every kind of exception on damaged data
        raise _unreadable(name, _reason(error)) from error


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
        return upright(image_to_rgb(item), _pillow_orientation(item))
    if isinstance(item, Tensor):
        array = item.detach().to("cpu", torch.float32 if item.is_floating_point() else item.dtype)
        return any_array_to_rgb(array.numpy(), channels_first=True)
    if isinstance(item, np.ndarray):
        return any_array_to_rgb(item, channels_first=False)
    raise DataError(
        f"An image can be a path, the bytes of a file, a PIL image, an array (H, W, 3) or a tensor "
        f"(3, H, W); found {type(item).__name__}."
    )


def _unreadable(name: str, reason: str) -> DataError:
    return DataError(f"{name} cannot be read as an image: {reason}.")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its content is no image format that Pillow knows"
    return str(error).strip().rstrip(".") or type(error).__name__


def _check_pixels(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise ValueError(
            f"its header declares {width} x {height} pixels, more than the {MAX_PIXELS:,} allowed"
        )


def _decode_jpeg(data: bytes, min_short: int) -> RGB | None:
    """Decode by libjpeg-turbo, scaled; None when Pillow must do it."""
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):  # KeyError where the file ends within its header
        return None
    _check_pixels(height, width)
    if colorspace not in ("Gray", "YCbCr", "RGB"):
        return None  # CMYK and YCCK
    eighths = jpeg_eighths(min(height, width), min_short) if min_short > 0 else 8
    try:
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


def jpeg_eighths(short: int, min_short: int) -> int:
    """Return at how many eighths of its size to decode a JPEG of short side ``short``: 1 to 8.

    The fewest that leave ``min_short`` pixels. But libjpeg-turbo is fast at 1, 2, 4 and 8 of them
    and slow between, so one of these is taken when it leaves hardly more than is needed.
    """
    enough = [n for n in range(1, 9) if -(-short * n // 8) >= min_short] or [8]
    fast = next(n for n in (1, 2, 4, 8) if n >= enough[0])
    return fast if short * fast / 8 <= SLACK * min_short else enough[0]


def _decode_pillow(data: bytes) -> RGB:
    with Image.open(io.BytesIO(data)) as image:
        _check_pixels(image.height, image.width)
        is_jpeg = image.format in ("JPEG", "MPO")
        orientation = jpeg_orientation(data) if is_jpeg else _pillow_orientation(image)
        return upright(image_to_rgb(image), orientation)


def _pillow_orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF must not cost the photo
        return 1


def jpeg_orientation(data: bytes) -> int:
    """Return the EXIF orientation, 1 to 8, of a JPEG; 1 when it says none.

    Pillow can tell as well, but takes longer than decoding a small photo does, and warns about
    every damaged EXIF block.
    """
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in (0xDA, 0xD9):
            break
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xE1 and data[place + 4 : place + 10] == b"Exif\0\0":
            return _tiff_orientation(data[place + 10 : place + 2 + length])
        place += 2 + length
    return 1


def _tiff_orientation(tiff: bytes) -> int:
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order not in ("little", "big"):
        return 1

    def number(place: int, size: int) -> int:
        return int.from_bytes(tiff[place : place + size], order)  # type: ignore[arg-type]

    table = number(4, 4)
    for entry in range(table + 2, table + 2 + 12 * number(table, 2), 12):
        if entry + 12 > len(tiff):
            break
        if number(entry, 2) == _ORIENTATION:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1
