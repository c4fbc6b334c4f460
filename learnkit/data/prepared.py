"""One image from its source to its place in a batch: decoded, kept, cropped.

Called from many threads at once. Knows no labels, no epochs and no random numbers: those that a
crop needs are given.
"""

import threading
from collections.abc import Sequence

from learnkit.data.cache import ImageCache, NoCache, RamCache
from learnkit.data.caches import Caches
from learnkit.data.geometry import (
    RandomResizedCrop,
    Resize,
    crop_into,
    fit_image,
    shrink,
    working_short,
)
from learnkit.data.moving import Part
from learnkit.data.pixels import RGB
from learnkit.data.source import ImageSource


class PreparedImages:
    """Images as the cache keeps them: shrunk, and fitted when nothing random follows.

    Args:
        source: where the pixels come from.
        size: (H, W) in pixels.
        resize: how an image is fitted when there is no random crop.
        crop: the random crop of training, or None.
        caches: where a cache comes from.
    """

    def __init__(
        self,
        source: ImageSource,
        size: tuple[int, int],
        *,
        resize: Resize,
        crop: RandomResizedCrop | None,
        caches: Caches,
    ) -> None:
        self._source, self._size, self._resize, self._crop = source, size, resize, crop
        self._short = working_short(size)
        self._caches = caches
        self._cache: ImageCache | None = None
        self._lock = threading.Lock()

    def open(self) -> ImageCache:
        """Return the cache, made when it is asked for first: to list a folder needs none."""
        with self._lock:
            if self._cache is None:
                self._cache = self._opened()
            return self._cache

    @property
    def kept(self) -> str:
        """Where images are kept, in words."""
        if self._cache is None:
            return "where they fit"
        places = {RamCache: "in memory", NoCache: "nowhere"}
        return places.get(type(self._cache), "in a file")

    def _opened(self) -> ImageCache:
        height, width = self._size
        # nobody knows their aspect before they are read; 4:3 is what cameras make
        each = height * width * 3 if self._crop is None else self._short * self._short * 4
        return self._caches.open(
            source_key=lambda: self._source.key,
            n=len(self._source),
            each=each,
            settings=f"{height}x{width} {self._resize if self._crop is None else 'to be cropped'}",
            exact=self._crop is None,
        )

    def get(self, index: int) -> RGB:
        """Return what is kept of an image, which must not be written to.

        Raises:
            DataError: when it cannot be read.
        """
        cache = self._cache if self._cache is not None else self.open()
        stamp = self._source.stamp(index)
        image = cache.get(index, stamp)
        if image is None:
            image = shrink(self._source.load(index, self._short), self._short)
            if self._crop is None:
                image = fit_image(image, self._size, self._resize)
            image = cache.put(index, stamp, image)
        return image

    def put_into(self, out: RGB, index: int, draws: Sequence[float]) -> Part | None:
        """Write an image into ``out`` (H, W, 3).

        Args:
            out: its place in a batch.
            index: of the image.
            draws: what the crop's box is made of, uniform in [0, 1).

        Returns:
            the part of the image that a random crop shows; None where there is none.

        Raises:
            DataError: when it cannot be read.
        """
        image = self.get(index)
        if self._crop is None:
            out[:] = image
            return None
        height, width = image.shape[:2]
        box = self._crop.box(height, width, draws, aspect=self._size[1] / self._size[0])
        crop_into(out, image, box)
        return Part(box[0] / width, box[1] / height, box[2] / width, box[3] / height)
