"""Batches of images, decoded by threads.

Decoding and resizing release the GIL, so threads do what other loaders need processes for, and
nothing is pickled. What a batch holds is a pure function of (seed, epoch, batch): the number of
threads, how far they run ahead and what is cached change nothing. Knows no models and no devices.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from learnkit.data.caches import CacheMode, Caches
from learnkit.data.cores import default_workers
from learnkit.data.decoding import Decoding
from learnkit.data.geometry import RandomResizedCrop, Resize
from learnkit.data.identity import array_digest, names_digest
from learnkit.data.leftovers import joined
from learnkit.data.moving import Fitting, Moving
from learnkit.data.order import EpochPlan
from learnkit.data.prepared import PreparedImages
from learnkit.data.skipped import OnError, Skipped
from learnkit.data.source import ImageSource
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import FloatArray, IntArray
from learnkit.types import Batch, Identity, Loaded


class ImageLoader:
    """Loads images and labels as batches: x uint8 (B, 3, H, W), channels last in memory.

    An image is decoded, shrunk to a little more than the training size, perhaps kept in the cache,
    then cropped. One that cannot be read is left out of its batch, with one warning that names
    it; ``skipped`` holds the reasons. A batch of which nothing is left is not given, and in
    training a single sample that is left goes into another batch (see ``leftovers``), so there can
    be fewer than ``len`` says. When more are left out than ``errors`` allows, that is an error as
    soon as it is known.

    Args:
        source: where the pixels come from.
        labels: int64 (N,) classes, or float32 (N,) or (N, K) values.
        batch_size: samples per batch. The last one may be smaller; in training a last batch of one
            sample is joined to the one before it, because BatchNorm cannot train on one.
        size: (H, W) in pixels.
        resize: how an image is fitted when there is no random crop.
        crop: the random crop of training, or None.
        shuffle: a new order in each epoch, as training wants it.
        seed: of the order and of the crops.
        num_workers: decoding threads; 0 decodes in the calling thread, None uses every core.
        prefetch: batches prepared ahead of the one in use.
        cache: where decoded images are kept, see ``Caches``; or a ``Caches`` to share.
        drop_last: leave out a last batch that is not full, unless it is the only one.
        errors: ``"skip"`` leaves out what cannot be read, up to 5 % of the images and at least one;
            a number in [0, 1] allows another share; ``"raise"`` stops at the first.
        weights: how often each image comes relative to the others, in training; an epoch draws as
            many as there are, with replacement. None lets each come once.
        moving: targets that lie on the photos, and are cropped and resized as they are: see
            ``MovingPoints`` and ``MovingMasks``. They become y, in the place of ``labels``; an
            image whose target cannot be read is left out too.

    Raises:
        DataError: when there is no image, or a number of labels other than of images; while
            loading, when more images cannot be read than ``errors`` allows, or one is being read
            for 120 s.
    """

    @checked_keywords
    def __init__(
        self,
        source: ImageSource,
        labels: npt.NDArray[Any],
        *,
        batch_size: int = 64,
        size: tuple[int, int] = (224, 224),
        resize: Resize = "crop",
        crop: RandomResizedCrop | None = None,
        shuffle: bool = False,
        seed: int = 42,
        num_workers: int | None = None,
        prefetch: int = 2,
        cache: CacheMode | Caches = "auto",
        drop_last: bool = False,
        errors: OnError = "skip",
        weights: FloatArray | None = None,
        moving: Moving | None = None,
    ) -> None:
        for targets, words in ((labels, "labels"), (moving, "targets")):
            if targets is not None and len(source) != len(targets):
                raise DataError(f"There are {len(source)} images, but {len(targets)} {words}.")
        if not len(source):
            raise DataError("There is no image to load.")
        self._skipped = Skipped(source, errors)
        self._source, self._labels = source, np.ascontiguousarray(labels)
        self._plan = EpochPlan(len(source), batch_size, seed, shuffle, drop_last, weights)
        caches = cache if isinstance(cache, Caches) else Caches(cache)
        self._images = PreparedImages(source, size, resize=resize, crop=crop, caches=caches)
        self._size, self._resize, self._crop = size, resize, crop
        self._moving = moving
        fitting = Fitting(size, resize, crop is not None, caches)
        self._targets = None if moving is None else moving.bind(source, fitting)
        self._at_least = 2 if shuffle else 1  # in a batch: in training there may be BatchNorm
        self._decoding = Decoding(
            self._images,
            self._skipped,
            size=size,
            crop=crop is not None,
            seed=seed,
            workers=default_workers() if num_workers is None else num_workers,
            prefetch=prefetch,
            targets=self._targets,
        )

    @property
    def batch_size(self) -> int:
        """Samples per batch."""
        return self._plan.batch_size

    @property
    def n_samples(self) -> int:
        """Samples in one epoch, unreadable ones included."""
        return self._plan.n_samples

    @property
    def skipped(self) -> dict[int, str]:
        """The images that were left out so far, by index, and why."""
        return self._skipped.reasons

    @property
    def num_workers(self) -> int:
        """Decoding threads."""
        return self._decoding.workers

    @property
    def crop(self) -> RandomResizedCrop | None:
        """The random crop of training, or None."""
        return self._crop

    @property
    def kept(self) -> str:
        """Where decoded images are kept: "in memory", "in a file", "nowhere", "where they fit"."""
        return self._images.kept

    @property
    def source(self) -> ImageSource:
        """Where the pixels come from."""
        return self._source

    @property
    def labels(self) -> npt.NDArray[Any]:
        """int64 (N,) classes, or float32 (N,) or (N, K) values."""
        return self._labels

    @property
    def moving(self) -> Moving | None:
        """The targets that move with the photos, before they do; None for plain labels."""
        return self._moving

    @property
    def identity(self) -> Identity:
        """What decides the batches; see ``types.IdentifiedLoader``."""
        return dict(self._identity)

    @cached_property
    def _identity(self) -> Identity:
        height, width = self._size
        targets = {} if self._moving is None else {"targets": self._moving.digest}
        return {
            "kind": type(self).__name__,
            "samples": len(self._source),
            **self._plan.identity,
            "size": f"{height}x{width}",
            "resize": self._resize,
            "crop": None if self._crop is None else repr(self._crop),
            "names": names_digest(self._source),
            "labels": array_digest(self._labels),
            **targets,
        }

    @property
    def n_repeating(self) -> int:
        """How many images there are if each comes out the same in every epoch, else 0."""
        return len(self._source) if self._crop is None else 0

    def __len__(self) -> int:
        return len(self._plan)

    def __repr__(self) -> str:
        height, width = self._size
        return f"ImageLoader({len(self._source)} images at {height}x{width}, {len(self)} batches)"

    def __iter__(self) -> Iterator[Batch]:
        with closing(self.batches(0)) as loaded:
            for one in loaded:
                yield one.batch

    def describe(self, index: int) -> str:
        """Return the name of image ``index``."""
        return self._source.describe(index)

    def batches(self, epoch: int, *, start: int = 0) -> Generator[Loaded, None, None]:
        """Give the batches of one epoch.

        Args:
            epoch: which; it decides the order and the crops.
            start: how many batches were already given. They are left out at the cost of one or two
                images each, read to know whether its batch was given at all.

        Raises:
            DataError: when more images cannot be read than ``errors`` allows, or so few can that
                there is no batch.
        """
        self._images.open()  # here, so that a warning points at the user's line, not at a thread
        plan = self._plan.batches(epoch)
        given, rest = start, self._after(plan, start)
        for left in joined(self._decoding.run(rest, epoch, at_least=self._at_least)):
            given += 1
            y = left.targets
            if y is None:
                y = torch.from_numpy(self._labels[left.indices])
            yield Loaded(Batch(left.pixels.permute(0, 3, 1, 2), y), left.indices)
            del left  # whose memory may be used again
        if not given:
            raise self._skipped.nothing_left(np.concatenate(plan))

    def _after(self, plan: list[IntArray], start: int) -> list[IntArray]:
        """Return the plan without its first ``start`` batches of which something was given.

        What was left alone of those before is in the first batch of it.
        """
        place, alone = 0, list[int]()
        while start and place < len(plan):
            readable = (index for index in plan[place].tolist() if self._is_readable(index))
            needed = min(self._at_least, len(plan[place]))
            alone += islice(readable, needed - len(alone))
            if len(alone) == needed:
                start, alone = start - 1, []
            place += 1
        if alone and place < len(plan):
            return [np.concatenate([alone, plan[place]]), *plan[place + 1 :]]
        return plan[place:]

    def _is_readable(self, index: int) -> bool:
        if index in self.skipped:
            return False
        try:
            self._images.get(index)
            if self._targets is not None:
                self._targets.check(index)
        except DataError as error:
            self._skipped.add(index, str(error))
            self._skipped.check()
            return False
        return True
