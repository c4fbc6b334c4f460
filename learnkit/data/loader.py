"""Batches of images, decoded by threads.

Decoding and resizing release the GIL, so threads do what other loaders need processes for, and
nothing is pickled. What a batch holds is a pure function of (seed, epoch, batch): the number of
threads, how far they run ahead and what is cached change nothing. Knows no models and no devices.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learnkit.data.caches import CacheMode, Caches
from learnkit.data.cores import default_workers
from learnkit.data.geometry import RandomResizedCrop, Resize
from learnkit.data.memory import ReusedMemory
from learnkit.data.order import EpochPlan
from learnkit.data.pixels import RGB
from learnkit.data.prepared import PreparedImages
from learnkit.data.source import ImageSource
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import IntArray, key_of, mix, uniforms
from learnkit.types import Batch, Loaded

OnError: TypeAlias = Literal["skip", "raise"]
Failures: TypeAlias = dict[int, str]  # place in the batch -> why the image cannot be read


class _Job(NamedTuple):
    """One batch in the making."""

    indices: IntArray
    pixels: Tensor  # uint8 (B, H, W, 3), filled by the workers
    parts: list["Future[Failures]"]


class ImageLoader:
    """Loads images and labels as batches: x uint8 (B, 3, H, W), channels last in memory.

    An image is decoded, shrunk to a little more than the training size, perhaps kept in the cache,
    then cropped. One that cannot be read is left out of its batch, with one warning that names
    it; ``skipped`` holds the reasons. A batch of which nothing is left is not given, and in
    training none of which a single sample is left, so there can be fewer than ``len`` says.

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
        errors: ``"skip"`` leaves out what cannot be read, ``"raise"`` stops at it.

    Raises:
        DataError: when there is no image, or a number of labels other than of images; while
            loading with ``errors="raise"``, when an image cannot be read.
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
    ) -> None:
        if len(source) != len(labels):
            raise DataError(f"There are {len(source)} images, but {len(labels)} labels.")
        if not len(source):
            raise DataError("There is no image to load.")
        self.skipped: dict[int, str] = {}
        self._source, self._labels = source, np.ascontiguousarray(labels)
        self._plan = EpochPlan(len(source), batch_size, seed, shuffle, drop_last)
        caches = cache if isinstance(cache, Caches) else Caches(cache)
        self._images = PreparedImages(source, size, resize=resize, crop=crop, caches=caches)
        self._size, self._crop, self._errors = size, crop, errors
        self._workers = default_workers() if num_workers is None else num_workers
        self._prefetch = max(1, prefetch)
        self._memory = ReusedMemory()
        self._pinned = torch.cuda.is_available()

    @property
    def batch_size(self) -> int:
        """Samples per batch."""
        return self._plan.batch_size

    @property
    def n_samples(self) -> int:
        """Samples in one epoch, unreadable ones included."""
        return self._plan.n_samples

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
            DataError: when so few images can be read that there is no batch.
        """
        self._images.open()  # here, so that a warning points at the user's line, not at a thread
        plan = self._plan.batches(epoch)
        given = start
        for loaded in self._load_all(self._after(plan, start), epoch):
            given += 1
            yield loaded
        if not given:
            raise self._nothing_left(plan)

    def _after(self, plan: list[IntArray], start: int) -> list[IntArray]:
        """Return the plan without its first ``start`` batches of which something was given."""
        place = 0
        while start and place < len(plan):
            readable = (index for index in plan[place].tolist() if self._is_readable(index))
            needed = self._needed(len(plan[place]))
            if len(list(islice(readable, needed))) == needed:
                start -= 1
            place += 1
        return plan[place:]

    def _needed(self, planned: int) -> int:
        """Return how many readable images make a batch: two in training, where BatchNorm may be."""
        return min(2 if self._plan.shuffle else 1, planned)

    def _is_readable(self, index: int) -> bool:
        if index in self.skipped:
            return False
        try:
            self._images.get(index)
        except DataError as error:
            self._skip(index, str(error))
            return False
        return True

    def _load_all(self, plan: list[IntArray], epoch: int) -> Iterator[Loaded]:
        """Run the plan, at most ``prefetch`` batches ahead of the consumer."""
        if self._workers == 0:
            for indices in plan:
                job = self._begin(indices, epoch, _run_now)
                yield from self._finish(job)
            return
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="learnkit-decode")
        running: deque[_Job] = deque()
        try:
            for indices in plan:
                running.append(self._begin(indices, epoch, pool.submit))
                if len(running) > self._prefetch:
                    yield from self._finish(running.popleft())
            while running:
                yield from self._finish(running.popleft())
        finally:  # also when the consumer stops early or a worker raised
            pool.shutdown(wait=True, cancel_futures=True)

    def _begin(
        self, indices: IntArray, epoch: int, submit: Callable[..., "Future[Failures]"]
    ) -> _Job:
        pixels = self._room(len(indices))
        out = pixels.numpy()
        n_draws = RandomResizedCrop.n_draws if self._crop else 0
        draws = uniforms(mix(self._plan.seed, key_of("crop"), epoch), indices, n_draws)
        # two parts for each worker, so that none waits long for the slowest
        step = -(-len(indices) // (2 * max(1, self._workers)))
        parts = [
            submit(self._fill, out[a : a + step], indices[a : a + step], draws[a : a + step], a)
            for a in range(0, len(indices), step)
        ]
        return _Job(indices, pixels, parts)

    def _room(self, n: int) -> Tensor:
        shape = (n, *self._size, 3)
        if self._pinned:  # torch itself uses such memory again, once the copy to the GPU is done
            return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        return self._memory.tensor(shape, np.uint8)

    def _finish(self, job: _Job) -> Iterator[Loaded]:
        """Wait for a batch; give it without the images that could not be read."""
        failures = {place: why for part in job.parts for place, why in part.result().items()}
        indices, pixels = job.indices, job.pixels
        for place, why in sorted(failures.items()):
            self._skip(int(indices[place]), why)
        if failures:
            kept = np.setdiff1d(np.arange(len(indices)), list(failures))
            indices, pixels = indices[kept], pixels[torch.from_numpy(kept)]
        if len(indices) >= self._needed(len(job.indices)):
            x = pixels.permute(0, 3, 1, 2)
            y = torch.from_numpy(self._labels[indices])
            yield Loaded(Batch(x, y), indices)

    def _fill(
        self, out: RGB, indices: IntArray, draws: npt.NDArray[np.float64], first: int
    ) -> Failures:
        """Load some images of a batch into their places; runs in a worker thread."""
        failures: Failures = {}
        for place, index in enumerate(indices.tolist()):
            if index in self.skipped:
                failures[first + place] = self.skipped[index]
                continue
            try:
                self._images.put_into(out[place], index, draws[place].tolist())
            except DataError as error:
                failures[first + place] = str(error)
        return failures

    def _skip(self, index: int, why: str) -> None:
        if self._errors == "raise":
            raise DataError(why)
        if index not in self.skipped:
            self.skipped[index] = why
            warn_user(f"An image is left out: {why}")

    def _nothing_left(self, plan: list[IntArray]) -> DataError:
        planned = np.concatenate(plan).tolist()
        reasons = [self.skipped[index] for index in planned if index in self.skipped]
        if len(reasons) < len(planned):
            found = (
                f"{len(reasons)} of the {len(planned)} images cannot be read, so no batch has the "
                "two samples that BatchNorm needs for training."
            )
        else:
            found = f"None of the {len(planned)} images can be read, so there is no batch."
        return DataError(f"{found} The first reason: {reasons[0]}")


def _run_now(function: Callable[..., Failures], *args: Any) -> "Future[Failures]":
    """Do at once what a pool would do later; the exception goes straight to the caller."""
    done: Future[Failures] = Future()
    done.set_result(function(*args))
    return done
