"""Batches of torch's map-style datasets, reproducible by (seed, epoch).

Knows nothing of images; for image files ``loader`` is several times faster.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from torch.utils.data import Dataset

from learnkit.data.fetch import KeyedDataset, collate, kept_globals
from learnkit.data.forking import useful_processes
from learnkit.data.identity import dataset_digest, dataset_name
from learnkit.data.in_memory import tensors_of
from learnkit.data.order import EpochPlan
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import FloatArray, IntArray
from learnkit.types import Batch, Identity, Loaded

if TYPE_CHECKING:  # most data needs no processes
    from learnkit.data.worker_pool import WorkerPool

# Seconds: what takes less is not worth processes, each of which has to be forked (about 20 ms) and
# sends its batches through shared memory.
SLOW_BATCH: Final = 0.05
_PATIENCE: Final = 60.0


class DatasetLoader:
    """Batches of a map-style torch dataset of pairs (x, y).

    Whatever the dataset draws from torch's, Python's or NumPy's global generators is a pure
    function of (seed, epoch, index), whichever process fetches it, and the caller's generators
    are left as they were. Photos as PIL images become uint8 tensors. Tensors in memory are picked
    a batch at a time.

    Args:
        dataset: gives pairs (x, y) by index.
        batch_size: samples per batch. The last one may be smaller; in training a last batch of one
            sample is joined to the one before it, because BatchNorm cannot train on one.
        shuffle: a new order in each epoch, as training wants it.
        seed: of the order and of what the dataset draws.
        num_workers: processes that fetch. 0 fetches in the calling process. None measures: the
            first batch is fetched in the calling process, and when that took longer than 0.05 s,
            one process per core, at most 8, is forked for all that follow, where forking is safe
            (see ``forking.may_fork``). Processes stay for later epochs and do not see what is
            changed in the dataset after they started. Their batches are in pinned memory where
            there is a CUDA device.
        drop_last: leave out a last batch that is not full, unless it is the only one.
        weights: how often each sample comes relative to the others, in training; an epoch draws as
            many as there are, with replacement. None lets each come once.

    Raises:
        DataError: when the dataset is empty, has no length, or is not read by index.
    """

    @checked_keywords
    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        batch_size: int = 64,
        shuffle: bool = False,
        seed: int = 42,
        num_workers: int | None = None,
        drop_last: bool = False,
        weights: FloatArray | None = None,
    ) -> None:
        n = _length_of(dataset)
        self._plan = EpochPlan(n, batch_size, seed, shuffle, drop_last, weights)
        self._dataset, self._keyed = dataset, KeyedDataset(dataset, seed)
        self._in_memory = tensors_of(dataset)
        self._measures = num_workers is None and self._in_memory is None
        self._forks = num_workers is None  # processes that nobody asked for
        self._pool: WorkerPool | None = None
        if num_workers and self._in_memory is None:
            self._pool = self._processes(num_workers)

    @property
    def batch_size(self) -> int:
        """Samples per batch."""
        return self._plan.batch_size

    @property
    def n_samples(self) -> int:
        """Samples in one epoch."""
        return self._plan.n_samples

    @property
    def identity(self) -> Identity:
        """What decides the batches; see ``types.IdentifiedLoader`` and ``dataset_digest``."""
        return dict(self._identity)

    @cached_property
    def _identity(self) -> Identity:
        return {
            "kind": type(self).__name__,
            "samples": self._plan.n,
            **self._plan.identity,
            "dataset": dataset_name(self._dataset),
            "data": dataset_digest(self._dataset),
        }

    def __len__(self) -> int:
        return len(self._plan)

    def __iter__(self) -> Iterator[Batch]:
        with closing(self.batches(0)) as loaded:
            for one in loaded:
                yield one.batch

    def __repr__(self) -> str:
        return f"DatasetLoader({self._plan.n} samples, {len(self)} batches)"

    def describe(self, index: int) -> str:
        """Return ``sample 7``."""
        return f"sample {index}"

    def batches(self, epoch: int, *, start: int = 0) -> Generator[Loaded, None, None]:
        """Give the batches of one epoch, without fetching the first ``start``."""
        plan, place = self._plan.batches(epoch), start
        while place < len(plan):
            if self._pool is None:
                yield Loaded(self._fetched(plan[place], epoch), plan[place])
                place += 1
                continue
            from learnkit.data.processes import StalledError, StartError

            try:
                with closing(self._pool.batches(plan[place:], epoch)) as fetched:
                    for loaded in fetched:
                        place += 1
                        yield loaded
            except (StalledError, StartError) as error:
                if not self._forks or self._pool.has_given:
                    raise  # they were asked for, or it is not the fork that they do not stand
                self._pool = None
                warn_user(f"{error} From here on the calling process fetches them.")

    def _fetched(self, indices: IntArray, epoch: int) -> Batch:
        if self._in_memory is not None:
            return self._in_memory.batch(indices)
        began = time.perf_counter()
        with kept_globals():
            batch = collate([self._keyed[epoch, index] for index in indices.tolist()])
        if self._measures:
            self._measures = False
            self._decide(time.perf_counter() - began, batch)
        return batch

    def _decide(self, seconds: float, batch: Batch) -> None:
        if seconds > SLOW_BATCH:
            workers = useful_processes(self._dataset, batch, len(self))
            # a library whose threads did not survive the fork would else keep all waiting
            patience = _PATIENCE + 20 * seconds
            self._pool = self._processes(workers, patience=patience) if workers else None

    def _processes(self, workers: int, *, patience: float | None = None) -> "WorkerPool":
        from learnkit.data.worker_pool import WorkerPool

        return WorkerPool(self._keyed, workers, patience=patience)


def _length_of(dataset: Dataset[Any]) -> int:
    name = type(dataset).__name__
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise DataError(
            f"A dataset must have a length and be read by index; {name} is not. Wrap it in a torch "
            f"DataLoader and use DataBunch.from_dls."
        )
    n = len(dataset)
    if n == 0:
        raise DataError(f"{name} is empty: there is no sample to load.")
    return n
