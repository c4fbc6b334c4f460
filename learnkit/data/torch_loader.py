"""Batches from torch's own datasets and DataLoaders, reproducible by (seed, epoch).

Knows nothing of images; for image files ``loader`` is several times faster.
"""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from learnkit.data.fetch import Key, KeyedDataset, collate, kept_globals, seed_globals
from learnkit.data.in_memory import tensors_of
from learnkit.data.order import batch_bounds, epoch_batches
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import IntArray, key_of
from learnkit.types import Batch, Loaded


class _Plan:
    """The batches of the epoch to come, for a DataLoader that stays."""

    def __init__(self) -> None:
        self.batches: list[list[Key]] = []

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class DatasetLoader:
    """Batches of a map-style torch dataset of pairs (x, y).

    Whatever the dataset draws from torch's, Python's or NumPy's global generators is a pure
    function of (seed, epoch, index), and the caller's generators are left as they were. Photos as
    PIL images become uint8 tensors. Tensors in memory are picked a batch at a time.

    Args:
        dataset: gives pairs (x, y) by index.
        batch_size: samples per batch. The last one may be smaller; in training a last batch of one
            sample is joined to the one before it, because BatchNorm cannot train on one.
        shuffle: a new order in each epoch, as training wants it.
        seed: of the order and of what the dataset draws.
        num_workers: processes that fetch; 0 or None fetches in the calling thread, which any
            dataset stands.
        drop_last: leave out a last batch that is not full, unless it is the only one.

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
    ) -> None:
        self._n = _length_of(dataset)
        if batch_size < 1:
            raise DataError(f"batch_size must be 1 or more, found {batch_size}.")
        self._batch_size, self._shuffle, self._seed = batch_size, shuffle, seed
        self._drop_last, self._workers = drop_last, num_workers or 0
        self._keyed = KeyedDataset(dataset, seed)
        self._in_memory = tensors_of(dataset)
        self._plan = _Plan()
        self._staying: DataLoader[Any] | None = None
        self._busy = False

    @property
    def batch_size(self) -> int:
        """Samples per batch."""
        return self._batch_size

    @property
    def n_samples(self) -> int:
        """Samples in one epoch."""
        return self._bounds()[-1]

    def __len__(self) -> int:
        return len(self._bounds()) - 1

    def __iter__(self) -> Iterator[Batch]:
        with closing(self.batches(0)) as loaded:
            for one in loaded:
                yield one.batch

    def __repr__(self) -> str:
        return f"DatasetLoader({self._n} samples, {len(self)} batches)"

    def describe(self, index: int) -> str:
        """Return ``sample 7``."""
        return f"sample {index}"

    def batches(self, epoch: int, *, start: int = 0) -> Generator[Loaded, None, None]:
        """Give the batches of one epoch, without fetching the first ``start``."""
        plan = epoch_batches(
            self._n,
            self._batch_size,
            seed=self._seed,
            epoch=epoch,
            shuffle=self._shuffle,
            drop_last=self._drop_last,
        )[start:]
        if self._workers and self._in_memory is None:
            yield from self._by_processes(plan, epoch)
            return
        for indices in plan:
            yield Loaded(self._fetched(indices, epoch), indices)

    def _bounds(self) -> list[int]:
        return batch_bounds(
            self._n, self._batch_size, train=self._shuffle, drop_last=self._drop_last
        )

    def _fetched(self, indices: IntArray, epoch: int) -> Batch:
        if self._in_memory is not None:
            return self._in_memory.batch(indices)
        with kept_globals():
            return collate([self._keyed[epoch, index] for index in indices.tolist()])

    def _by_processes(self, plan: list[IntArray], epoch: int) -> Generator[Loaded, None, None]:
        if self._busy:
            # A second pass while one is open would take over its processes.
            own = _Plan()
            loader = self._processes(own, stay=False)
        else:
            self._staying = self._staying or self._processes(self._plan, stay=True)
            own, loader = self._plan, self._staying
        staying = loader is self._staying
        self._busy = self._busy or staying
        try:
            own.batches = [[(epoch, index) for index in one.tolist()] for one in plan]
            for indices, batch in zip(plan, loader, strict=True):
                yield Loaded(batch, indices)
        finally:
            self._busy = self._busy and not staying

    def _processes(self, plan: _Plan, *, stay: bool) -> DataLoader[Any]:
        return DataLoader(
            self._keyed,
            batch_sampler=plan,
            collate_fn=collate,
            num_workers=self._workers,
            persistent_workers=stay,
            generator=torch.Generator(),  # else torch draws from the caller's
        )


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


class TorchLoader:
    """Any torch DataLoader of pairs (x, y), made reproducible by (seed, epoch).

    Its generators, and the global ones while it fetches, are set from (seed, epoch) and put back.
    With ``persistent_workers`` and random transforms, the workers' own generators run on from
    epoch to epoch, out of reach; ``DatasetLoader`` has no such gap.

    Samples are counted by their place in the epoch, since a DataLoader does not tell which they
    are: ``sample 7`` of a loader without shuffling is sample 7 of its dataset.

    Raises:
        DataError: when the DataLoader does not know how many batches it has.
    """

    def __init__(self, dl: DataLoader[Any], *, seed: int = 42) -> None:
        try:
            self._len = len(dl)
        except TypeError:
            raise DataError(
                f"The DataLoader of {type(dl.dataset).__name__} has no length. Give the dataset "
                f"a __len__ that returns the number of its samples."
            ) from None
        if self._len == 0:
            raise DataError(
                f"The DataLoader of {type(dl.dataset).__name__} gives no batch: it has no sample, "
                f"or fewer than one batch with drop_last=True."
            )
        self._dl, self._seed = dl, seed

    @property
    def batch_size(self) -> int:
        """Samples per batch, as far as the DataLoader says."""
        known = self._dl.batch_size or getattr(self._dl.batch_sampler, "batch_size", None)
        return int(known or -(-self.n_samples // self._len))

    @property
    def n_samples(self) -> int:
        """Samples in one epoch, as far as the DataLoader says."""
        per_batch = self._dl.batch_size
        try:
            n = len(self._dl.sampler)  # type: ignore[arg-type]
        except TypeError:
            n = self._len * (per_batch or 1)
        return min(n, self._len * per_batch) if per_batch and self._dl.drop_last else n

    def __len__(self) -> int:
        return self._len

    def __iter__(self) -> Iterator[Batch]:
        with closing(self.batches(0)) as loaded:
            for one in loaded:
                yield one.batch

    def __repr__(self) -> str:
        return f"TorchLoader({self.n_samples} samples, {self._len} batches)"

    def describe(self, index: int) -> str:
        """Return ``sample 7``, counted in the order of the epoch."""
        return f"sample {index}"

    def batches(self, epoch: int, *, start: int = 0) -> Generator[Loaded, None, None]:
        """Give the batches of one epoch; the first ``start`` are fetched and thrown away.

        Raises:
            DataError: when the DataLoader gives anything but pairs.
        """
        keys = self._seed, key_of("torch loader"), epoch
        with _kept(self._generators()) as generators:
            with kept_globals():
                seed_globals(*keys)
                for generator in generators:
                    generator.manual_seed(torch.default_generator.initial_seed())
                _set_epoch(self._dl, epoch)
                iterator = iter(self._dl)
            place = first = 0
            while (batch := self._next(iterator, (*keys, place))) is not None:
                size = _samples_in(batch)
                if place >= start:
                    yield Loaded(batch, np.arange(first, first + size, dtype=np.int64))
                place, first = place + 1, first + size

    def _next(self, iterator: Iterator[Any], keys: tuple[int, ...]) -> Batch | None:
        with kept_globals():
            # also when processes fetch, as a sampler may draw here
            seed_globals(*keys)
            try:
                batch = next(iterator)
            except StopIteration:
                return None
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            found = type(batch).__name__
            size = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
            raise DataError(f"A DataLoader must give pairs (x, y); found a {found}{size}.")
        return Batch(*batch)

    def _generators(self) -> list[torch.Generator]:
        inner = getattr(self._dl.batch_sampler, "sampler", None)
        holders = (self._dl, self._dl.sampler, self._dl.batch_sampler, inner)
        found = {id(g): g for h in holders if (g := getattr(h, "generator", None)) is not None}
        found.pop(id(torch.default_generator), None)
        return list(found.values())


@contextmanager
def _kept(generators: list[torch.Generator]) -> Iterator[list[torch.Generator]]:
    states = [generator.get_state() for generator in generators]
    try:
        yield generators
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def _set_epoch(dl: DataLoader[Any], epoch: int) -> None:
    for sampler in (dl.sampler, dl.batch_sampler):
        set_epoch = getattr(sampler, "set_epoch", None)  # DistributedSampler and its like
        if set_epoch is not None:
            set_epoch(epoch)


def _samples_in(batch: Batch) -> int:
    x: Any = batch.x
    for value in (batch.y, x):
        if isinstance(value, Tensor) and value.dim():
            return len(value)
    return len(x) if hasattr(x, "__len__") else 1
