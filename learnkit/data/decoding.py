"""Runs a plan of batches: images into their places, by threads, some batches ahead.

What a batch holds is a pure function of (seed, epoch, its indices): the number of threads and how
far they run ahead change nothing. Knows no labels, and not what becomes of the batches.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.leftovers import Left
from learnkit.data.memory import ReusedMemory
from learnkit.data.moving import MovingTargets, Targets
from learnkit.data.pixels import RGB
from learnkit.data.prepared import PreparedImages
from learnkit.data.skipped import Skipped
from learnkit.data.threads import Task, Threads
from learnkit.errors import DataError
from learnkit.randomness import IntArray, key_of, mix, uniforms

Failures: TypeAlias = dict[int, str]  # place in the batch -> why the image cannot be read


class _Job(NamedTuple):
    """One batch in the making."""

    indices: IntArray
    pixels: Tensor  # uint8 (B, H, W, 3), filled by the workers
    parts: list[Task[Failures]]
    to_come: int  # samples planned after it
    targets: Tensor | None  # filled with the pixels, where they move with them


class Decoding:
    """Decodes batches of prepared images.

    Args:
        images: what is decoded.
        skipped: where images that cannot be read are noted.
        size: (H, W) in pixels.
        crop: whether each image takes the random numbers of a random crop.
        seed: of the crops.
        workers: threads; 0 decodes in the calling thread.
        prefetch: batches prepared ahead of the one in use.
        targets: what is loaded with the photos, as it moves with them; None for labels.
    """

    def __init__(
        self,
        images: PreparedImages,
        skipped: Skipped,
        *,
        size: tuple[int, int],
        crop: bool,
        seed: int,
        workers: int,
        prefetch: int,
        targets: MovingTargets | None = None,
    ) -> None:
        self._targets = targets
        self._images, self._skipped, self._size = images, skipped, size
        self._n_draws, self._seed = RandomResizedCrop.n_draws if crop else 0, seed
        self.workers, self._ahead = workers, max(1, prefetch) if workers else 0
        self._memory = ReusedMemory()
        self._pinned = torch.cuda.is_available()

    def run(self, plan: list[IntArray], epoch: int, *, at_least: int) -> Iterator[Left]:
        """Give what is left of each batch of a plan.

        Args:
            plan: the indices of each batch.
            epoch: decides the crops.
            at_least: how many samples a batch needs, if as many are planned.

        Raises:
            DataError: when more images cannot be read than allowed.
        """
        threads: Threads[Failures] = Threads(self.workers, name="learnkit-decode")
        running: deque[_Job] = deque()
        to_come = sum(map(len, plan))
        try:
            for indices in plan:
                to_come -= len(indices)
                running.append(self._begin(indices, epoch, threads, to_come))
                if len(running) > self._ahead:
                    yield self._finish(running.popleft(), threads, at_least)
            while running:
                yield self._finish(running.popleft(), threads, at_least)
        finally:  # also when the consumer stops early or a worker raised
            threads.close()

    def _begin(
        self, indices: IntArray, epoch: int, threads: Threads[Failures], to_come: int
    ) -> _Job:
        pixels = self._room(len(indices))
        targets = None if self._targets is None else self._targets.room(len(indices))
        out = pixels.numpy(), None if targets is None else targets.numpy()
        draws = uniforms(mix(self._seed, key_of("crop"), epoch), indices, self._n_draws)
        # two parts for each worker, so that none waits long for the slowest
        step = -(-len(indices) // (2 * max(1, self.workers)))
        parts = [
            threads.submit(self._fill, out, indices[a : a + step], draws[a : a + step], a)
            for a in range(0, len(indices), step)
        ]
        return _Job(indices, pixels, parts, to_come, targets)

    def _room(self, n: int) -> Tensor:
        shape = (n, *self._size, 3)
        if self._pinned:  # torch itself uses such memory again, once the copy to the GPU is done
            return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        return self._memory.tensor(shape, np.uint8)

    def _fill(
        self,
        task: Task[Failures],
        out: tuple[RGB, Targets | None],
        indices: IntArray,
        draws: npt.NDArray[np.float64],
        first: int,
    ) -> Failures:
        """Load some images of a batch into their places; runs in a worker thread."""
        failures: Failures = {}
        skipped = self._skipped.reasons
        for place, index in enumerate(indices.tolist()):
            task.at = index
            if index in skipped:
                failures[first + place] = skipped[index]
                continue
            try:
                self._put(out, first + place, index, draws[place].tolist())
            except DataError as error:
                failures[first + place] = str(error)
            except Exception as error:
                error.add_note(f"while loading {self._skipped.describe(index)}")
                raise
        return failures

    def _put(
        self, out: tuple[RGB, Targets | None], place: int, index: int, draws: list[float]
    ) -> None:
        pixels, targets = out
        part = self._images.put_into(pixels[place], index, draws)
        if self._targets is not None and targets is not None:
            self._targets.put_into(targets[place], index, part)

    def _finish(self, job: _Job, threads: Threads[Failures], at_least: int) -> Left:
        """Wait for a batch; return it without the images that could not be read."""
        failures: Failures = {}
        for part in job.parts:
            failures |= threads.result(part, self._skipped.describe)
        indices, pixels, targets = job.indices, job.pixels, job.targets
        if failures:
            for place, why in sorted(failures.items()):
                self._skipped.add(int(indices[place]), why)
            self._skipped.check()
            kept = np.setdiff1d(np.arange(len(indices)), list(failures))
            places = torch.from_numpy(kept)
            indices, pixels = indices[kept], pixels[places]
            targets = None if targets is None else targets[places]
        return Left(indices, pixels, min(at_least, len(job.indices)), job.to_come, targets)
