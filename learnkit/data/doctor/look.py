"""Look at one image file: read it once, decode it once, and keep a few facts.

The decoder is the loader's own, so what it cannot read is what training leaves out.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import simplejpeg
from PIL import Image

from learnkit.data.cores import default_workers
from learnkit.data.decode import (
    MAX_BYTES,
    decode_bytes,
    jpeg_orientation,
    pillow_orientation,
    unreadable,
)
from learnkit.data.doctor.formats import format_of
from learnkit.data.pixels import RGB
from learnkit.errors import DataError
from learnkit.regular_file import read_regular

HashOf: TypeAlias = Callable[[RGB], bytes]
Seen: TypeAlias = Callable[[int, int], None]
"""Is told how many files were looked at, and of how many."""

# What a hash of 16 x 16 numbers is computed from. A JPEG is decoded at the fewest eighths that
# leave as much; all of its data is read all the same, so that a truncated one is noticed.
MIN_SHORT: Final = 64
BLANK_LEVELS: Final = 8  # of 255: JPEG changes one colour all over by less
_WITH_EXIF: Final = ("PNG", "TIFF", "WEBP")  # but for JPEG
_AT_ONCE: Final = 256  # so that Ctrl-C waits for few


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The facts of one file.

    Attributes:
        problem: why it cannot be read, naming it; None when it can.
        sha256: of its bytes, as hexadecimal digits; None when there were none to read.
        format: what its first bytes show: ``"JPEG"``, ``"PNG"``, ...
        size: (height, width) in pixels as stored; None when it cannot be decoded.
        orientation: EXIF's, 1 to 8.
        blank: one colour all over.
        hash: its perceptual hash; None for a blank one, and where none was asked for.
    """

    problem: str | None = None
    sha256: str | None = None
    format: str | None = None
    size: tuple[int, int] | None = None
    orientation: int = 1
    blank: bool = False
    hash: bytes | None = None


def look_at(root: Path, hash_of: HashOf | None, name: str) -> Look:
    """Read and decode the file ``root / name``."""
    try:
        data = read_regular(root / name, max_bytes=MAX_BYTES)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "the file does not exist" if missing else getattr(error, "strerror", None)
        return Look(problem=str(unreadable(name, reason or str(error))))
    sha, kind = hashlib.sha256(data).hexdigest(), format_of(data)
    try:
        pixels = decode_bytes(data, name=name, min_short=MIN_SHORT)
    except DataError as error:
        return Look(problem=str(error), sha256=sha, format=kind)
    blank = is_blank(pixels)
    return Look(
        sha256=sha,
        format=kind,
        size=_stored_size(data, pixels),
        orientation=_orientation(data, kind),
        blank=blank,
        hash=hash_of(pixels) if hash_of is not None and not blank else None,
    )


def look_at_all(
    root: Path,
    names: Sequence[str],
    hash_of: HashOf | None,
    *,
    seen: Seen | None = None,
) -> list[Look]:
    """Look at files in threads, as many as there are cores.

    Args:
        root: the folder that names start from.
        names: the files.
        hash_of: computes the perceptual hash; None leaves it out.
        seen: called once in a while.
    """
    looks: list[Look] = []
    pool = ThreadPoolExecutor(default_workers(), thread_name_prefix="learnkit-doctor")
    try:
        for first in range(0, len(names), _AT_ONCE):
            looks += pool.map(partial(look_at, root, hash_of), names[first : first + _AT_ONCE])
            if seen is not None:
                seen(len(looks), len(names))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return looks


def is_blank(pixels: RGB) -> bool:
    """Say whether uint8 (H, W, 3) shows one colour all over, give or take a few levels."""
    return all(
        (some.max(axis=(0, 1)).astype(int) - some.min(axis=(0, 1)) <= BLANK_LEVELS).all()
        for some in (pixels[::8, ::8], pixels)  # mostly a few pixels tell
    )


def _stored_size(data: bytes, pixels: RGB) -> tuple[int, int]:
    """Return (height, width) of the file; a JPEG's pixels may have been decoded smaller."""
    if data.startswith(b"\xff\xd8"):
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        except (ValueError, KeyError):  # then Pillow decoded it, in full
            pass
        else:
            return int(height), int(width)
    return int(pixels.shape[0]), int(pixels.shape[1])


def _orientation(data: bytes, kind: str | None) -> int:
    if kind == "JPEG":
        return jpeg_orientation(data)
    if kind != "TIFF" and b"eXIf" not in data and b"EXIF" not in data:
        return 1
    try:
        with Image.open(io.BytesIO(data), formats=_WITH_EXIF) as image:
            return pillow_orientation(image)
    except Exception:  # damaged EXIF must not cost the photo
        return 1
