"""Masks that are cropped and resized as their photos are, never interpolated."""

import hashlib
import threading

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learnkit.data.cache import ImageCache
from learnkit.data.caches import Caches
from learnkit.data.geometry import SLACK, Resize, padded_box, working_short
from learnkit.data.mask_codes import MaskCodes
from learnkit.data.mask_file import read_mask
from learnkit.data.moving import WHOLE, Fitting, MovingTargets, Part, Targets, fitted
from learnkit.data.photo_size import PhotoSizes
from learnkit.data.source import FileSource, ImageSource
from learnkit.errors import DataError
from learnkit.tasks.segmentation import IGNORED

Codes = npt.NDArray[np.uint8]


class MovingMasks:
    """Mask files, one for each photo of a loader.

    Loaded are class numbers uint8 (B, H, W), which become int64 on the device; 255 is a pixel that
    no loss looks at.

    Args:
        files: the masks, in the order of the photos.
        codes: which number is which class.

    Example:
        ``ImageLoader(photos, labels, moving=MovingMasks(FileSource(root, names), codes))``
    """

    def __init__(self, files: FileSource, codes: MaskCodes) -> None:
        self.files, self.codes = files, codes

    @property
    def digest(self) -> str:
        """SHA-256 of the masks' names and of what their numbers mean."""
        words = f"{self.files.names_digest} {self.codes.digest}"
        return hashlib.sha256(words.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.files)

    def bind(self, photos: ImageSource, fitting: Fitting) -> MovingTargets:
        """Return the masks as they move with these photos."""
        return _Masks(self.files, self.codes, PhotoSizes(photos), fitting)


class _Masks:
    def __init__(
        self, files: FileSource, codes: MaskCodes, sizes: PhotoSizes, fitting: Fitting
    ) -> None:
        self._files, self._codes, self._sizes, self._fitting = files, codes, sizes, fitting
        self._cache: ImageCache | None = None
        self._lock = threading.Lock()

    def room(self, n: int) -> Tensor:
        return torch.empty((n, *self._fitting.size), dtype=torch.uint8)

    def put_into(self, out: Targets, index: int, part: Part | None) -> None:
        kept = self._kept(index)
        out[:] = kept if part is None else nearest(kept, self._fitting.size, part)

    def check(self, index: int) -> None:
        self._kept(index)

    def _kept(self, index: int) -> Codes:
        """Return a mask fitted, or larger than a random crop needs it."""
        cache, stamp = self._open(), self._files.stamp(index)
        kept = cache.get(index, stamp)
        if kept is None:
            kept = cache.put(index, stamp, self._prepared(index))
        return kept

    def _prepared(self, index: int) -> Codes:
        name = self._files.describe(index)
        mask = self._codes.encode(read_mask(name), name)
        self._check_aspect(mask.shape[0], mask.shape[1], index)
        return (
            _reduced(mask, self._fitting) if self._fitting.crops else fit_mask(mask, self._fitting)
        )

    def _check_aspect(self, height: int, width: int, index: int) -> None:
        photo_h, photo_w = self._sizes.of(index)
        # a smaller mask may be rounded by half a pixel to each side
        if abs(width * photo_h - height * photo_w) <= max(photo_h, photo_w):
            return
        turned = abs(height * photo_h - width * photo_w) <= max(photo_h, photo_w)
        hint = (
            " It fits the photo as its file holds it, before EXIF turns it upright: turn the mask."
            if turned
            else " A mask covers its whole photo, in its size or in a smaller one of its aspect."
        )
        raise DataError(
            f"The mask {self._files.describe(index)} has {width} x {height} pixels, its photo "
            f"{photo_w} x {photo_h}.{hint}"
        )

    def _open(self) -> ImageCache:
        with self._lock:
            if self._cache is None:
                height, width = self._fitting.size
                short = 2 * working_short(self._fitting.size)
                each = short * short * 4 // 3 if self._fitting.crops else height * width
                # no key: decoded masks are not kept on disk
                self._cache = self._fitting.caches.open(
                    source_key=str, n=len(self._files), each=each, settings="masks", exact=True
                )
            return self._cache


def nearest(mask: Codes, size: tuple[int, int], part: Part = WHOLE) -> Codes:
    """Resize a part of a mask to (H, W): each pixel takes the value at its middle."""
    rows = _places(mask.shape[0], size[0], part.top, part.bottom)
    columns = _places(mask.shape[1], size[1], part.left, part.right)
    return mask.take(rows, axis=0).take(columns, axis=1)


def _places(n: int, wanted: int, low: float, high: float) -> npt.NDArray[np.int64]:
    middles = low + (np.arange(wanted) + 0.5) / wanted * (high - low)
    return np.clip(np.floor(middles * n).astype(np.int64), 0, n - 1)


def fit_mask(mask: Codes, fitting: Fitting) -> Codes:
    """Bring a mask to its photo's size in the way in which the photo is fitted."""
    height, width = fitting.size
    shown, _ = fitted(mask.shape[0], mask.shape[1], fitting)
    if fitting.resize != "pad":
        return nearest(mask, fitting.size, shown)
    left, top, right, bottom = padded_box(mask.shape[0], mask.shape[1], fitting.size)
    inner = nearest(mask, (bottom - top, right - left))
    return np.pad(inner, ((top, height - bottom), (left, width - right)), mode="reflect")


def _reduced(mask: Codes, fitting: Fitting) -> Codes:
    """Make a mask smaller that has far more pixels than any crop of it."""
    height, width = mask.shape
    short = 2 * working_short(fitting.size)
    if min(height, width) <= SLACK * short:
        return mask
    scale = short / min(height, width)
    return nearest(mask, (round(height * scale), round(width * scale)))


def mask_on_photo(
    mask: Tensor, size: tuple[int, int], *, resize: Resize = "squish", outside: int = IGNORED
) -> Tensor:
    """Bring a predicted mask back to the size of its photo, by nearest pixels.

    Args:
        mask: whole numbers (h, w), as ``learn.predict(photo).value``.
        size: (H, W) of the upright photo, in pixels.
        resize: how the photo was fitted: the data's ``resize``.
        outside: the number of pixels that the model did not see, with ``"crop"``.

    Returns:
        (H, W), of the mask's type.

    Example:
        >>> mask_on_photo(torch.tensor([[0, 1]]), (2, 4))
        tensor([[0, 0, 1, 1],
                [0, 0, 1, 1]])
    """
    height, width = int(mask.shape[0]), int(mask.shape[1])
    fitting = Fitting((height, width), resize, False, Caches(None))
    shown, inner = fitted(*size, fitting)
    rows, seen_rows = _back(size[0], height, (shown.top, shown.bottom), (inner.top, inner.bottom))
    columns, seen_columns = _back(
        size[1], width, (shown.left, shown.right), (inner.left, inner.right)
    )
    found = mask[rows][:, columns]
    found[~seen_rows] = outside
    found[:, ~seen_columns] = outside
    return found


def _back(
    n: int, wanted: int, shown: tuple[float, float], inner: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """Return for each of ``n`` pixels of a photo its place in a mask, and whether it is there."""
    places = ((torch.arange(n) + 0.5) / n - shown[0]) / (shown[1] - shown[0])
    there = (places >= 0) & (places < 1)
    in_mask = (inner[0] + places * (inner[1] - inner[0])) * wanted
    return in_mask.floor().long().clamp(0, wanted - 1), there
