"""Keep decoded images in memory, up to a budget.

A cache never changes a result: an image is prepared the same way whether or not it is kept, so one
that did not fit merely costs its decoding again. Knows no files and no batches.
"""

import threading
from typing import Final, Protocol

import numpy as np
import simplejpeg

from learnkit.data.budget import Budget
from learnkit.data.pixels import RGB

JPEG_QUALITY: Final = 90


class ImageCache(Protocol):
    """Keeps prepared images by index; called from many threads at once."""

    def get(self, index: int, stamp: int) -> RGB | None:
        """Return the image, which must not be written to, if it was kept with this stamp."""

    def put(self, index: int, stamp: int, image: RGB) -> RGB:
        """Keep an image if there is room, and return it as `get` will give it."""


class NoCache:
    """Keeps nothing."""

    def get(self, index: int, stamp: int) -> RGB | None:
        """Return None."""
        return None

    def put(self, index: int, stamp: int, image: RGB) -> RGB:
        """Return the image."""
        return image


class RamCache:
    """Images in memory.

    When the budget is spent nothing more is added and nothing is thrown out: each image is needed
    once an epoch, so throwing one out for another gains nothing.

    Args:
        budget: shared with whoever else takes from it.
        jpeg: keep small JPEGs instead of pixels: an eighth of the bytes, and slower.
    """

    def __init__(self, budget: Budget, *, jpeg: bool = False) -> None:
        self._budget, self._jpeg = budget, jpeg
        self._kept: dict[int, tuple[int, RGB]] = {}
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(entry.nbytes for _, entry in list(self._kept.values()))

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, index: int, stamp: int) -> RGB | None:
        """Return the image if it was kept with this stamp."""
        known = self._kept.get(index)
        if known is None or known[0] != stamp:
            return None
        return unpacked(known[1]) if self._jpeg else known[1]

    def put(self, index: int, stamp: int, image: RGB) -> RGB:
        """Keep an image if the budget allows it."""
        entry = packed(image) if self._jpeg else image
        with self._lock:
            old = self._kept.pop(index, None)
            if old is not None:
                self._budget.give_back(old[1].nbytes)
            if self._budget.take(entry.nbytes):
                self._kept[index] = stamp, entry
        return unpacked(entry) if self._jpeg else entry


def packed(image: RGB) -> RGB:
    """Return the image as the bytes of a JPEG, uint8 (N,)."""
    data = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="420"
    )
    return np.frombuffer(data, np.uint8)


def unpacked(entry: RGB) -> RGB:
    """Undo `packed`, up to what JPEG loses."""
    pixels: RGB = simplejpeg.decode_jpeg(entry, colorspace="RGB")
    return pixels
