"""Batches of any torch DataLoader, reproducible by (seed, epoch). Knows nothing of images."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from learnkit.data.dict_batches import DictReader
from learnkit.data.fetch import kept_globals, seed_globals
from learnkit.data.identity import dataset_digest, dataset_name
from learnkit.errors import DataError
from learnkit.randomness import key_of
from learnkit.types import Batch, Identity, Loaded


class TorchLoader:
    """Any torch DataLoader of pairs (x, y), or of dicts, made reproducible by (seed, epoch).

    Its generators, and the global ones while it fetches, are set from (seed, epoch) and put back.
    With ``persistent_workers`` and random transforms, the workers' own generators run on from
    epoch to epoch, out of reach; ``DatasetLoader`` has no such gap.

    Samples are counted by their place in the epoch, since a DataLoader does not tell which they
    are: ``sample 7`` of a loader without shuffling is sample 7 of its dataset.

    Args:
        dl: gives the batches.
        seed: see above.
        reader: says what is x and what is y in batches that are dicts; see ``DictReader``.

    Raises:
        DataError: when the DataLoader does not know how many batches it has.
    """

    def __init__(
        self, dl: DataLoader[Any], *, seed: int = 42, reader: DictReader | None = None
    ) -> None:
        self._reader = reader
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

    @property
    def identity(self) -> Identity:
        """What decides the batches, as far as the DataLoader says."""
        return dict(self._identity)

    @cached_property
    def _identity(self) -> Identity:
        sampler = self._dl.batch_sampler if self._dl.batch_size is None else self._dl.sampler
        return {
            "kind": type(self).__name__,
            "samples": self.n_samples,
            "batches": self._len,
            "batch_size": self.batch_size,
            "drop_last": self._dl.drop_last,
            "seed": self._seed,
            "sampler": type(sampler).__name__,
            "dataset": dataset_name(self._dl.dataset),
            "data": dataset_digest(self._dl.dataset),
        }

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
            DataError: when the DataLoader gives anything but pairs and dicts that ``reader`` reads.
            RuntimeError: within five seconds, when one of its processes died. One that stands still
                is waited for until the DataLoader's own ``timeout``, which is for ever by default.
        """
        from learnkit.data.processes import drop_dead  # most data needs no processes

        keys = self._seed, key_of("torch loader"), epoch
        with _kept(self._generators()) as generators:
            with kept_globals():
                seed_globals(*keys)
                for generator in generators:
                    generator.manual_seed(torch.default_generator.initial_seed())
                _set_epoch(self._dl, epoch)
                drop_dead(self._dl)
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
            except (EOFError, OSError):  # of the dataset, or of the connection to a dead process
                from learnkit.data.processes import wait_for_death

                if (pid := wait_for_death(iterator)) is None:
                    raise
                raise RuntimeError(f"DataLoader worker (pid {pid}) exited unexpectedly") from None
        return self._pair(batch)

    def _pair(self, batch: Any) -> Batch:
        if isinstance(batch, Mapping):
            return (self._reader or DictReader()).read(batch)
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            found = type(batch).__name__
            size = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
            raise DataError(
                f"A DataLoader must give pairs (x, y), or dicts; found a {found}{size}."
            )
        if self._reader is not None and self._reader != DictReader():
            raise DataError(
                "x_keys and y_key are for batches that are dicts; this DataLoader gives pairs "
                "(x, y). Leave them out."
            )
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
