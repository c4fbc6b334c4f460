"""Perceptual hashes, and the nearest of many. Knows no files and no labels.

The hash is the ``phash`` of the library imagehash with 16 x 16 bits: the photo in gray at 64 x 64
pixels, its discrete cosine transform, and for each of the 16 x 16 lowest frequencies whether it is
above their median. It follows N. Krawetz, "Looks Like It", hackerfactor.com, 2011; C. Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, is the study of it.
"""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from learnkit.data.doctor.look import HashOf
from learnkit.data.doctor.options import HASH_BITS
from learnkit.data.pixels import RGB
from learnkit.extras import require
from learnkit.randomness import IntArray

Hashes: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (N, 32): a hash of 256 bits each."""

_HASH_SIDE: Final = 16
_ROWS, _COLUMNS = 2048, 8192  # compared at once: 64 MiB of float32


def load_hasher() -> HashOf:
    """Return the function from uint8 (H, W, 3) to 32 bytes.

    Raises:
        MissingExtraError: when imagehash is not installed.
    """
    library = require("imagehash", extra="doctor", purpose="Looking for near duplicates")
    require("scipy.fftpack", extra="doctor", purpose="Looking for near duplicates")

    def hash_of(pixels: RGB) -> bytes:
        bits = library.phash(Image.fromarray(pixels), hash_size=_HASH_SIDE).hash
        return np.packbits(bits).tobytes()

    return hash_of


def nearest(queries: Hashes, keys: Hashes, *, itself: bool = False) -> tuple[IntArray, IntArray]:
    """Return for each query the place of the nearest key, and in how many bits they differ.

    All pairs are compared, as products of matrices of -1 and 1: of 256 bits, d differ where the
    product is 256 - 2 d. The first of equally near keys is taken.

    Args:
        queries: uint8 (Q, 32).
        keys: uint8 (K, 32), K at least 1.
        itself: queries are the keys, and none is its own nearest.

    Returns:
        Places int64 (Q,) and bits int64 (Q,); 257 bits where there is no other key.
    """
    places = np.zeros(len(queries), dtype=np.int64)
    products = np.full(len(queries), -HASH_BITS - 2, dtype=np.float32)
    for first in range(0, len(queries), _ROWS):
        rows = _signs(queries[first : first + _ROWS])
        here = slice(first, first + len(rows))
        for start in range(0, len(keys), _COLUMNS):
            found = rows @ _signs(keys[start : start + _COLUMNS]).T
            if itself:
                _leave_out_itself(found, first, start)
            best = found.argmax(axis=1)
            value = found[np.arange(len(rows)), best]
            nearer = value > products[here]
            places[here] = np.where(nearer, best + start, places[here])
            products[here] = np.where(nearer, value, products[here])
    bits: IntArray = ((HASH_BITS - products) / 2).astype(np.int64)
    return places, bits


def _signs(hashes: Hashes) -> npt.NDArray[np.float32]:
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


def _leave_out_itself(found: npt.NDArray[np.float32], first: int, start: int) -> None:
    same = np.arange(max(first, start), min(first + found.shape[0], start + found.shape[1]))
    found[same - first, same - start] = -HASH_BITS - 2
