"""Which samples make up which batch of which epoch. Knows indices only."""

import itertools
from dataclasses import dataclass, field

import numpy as np

from learnkit.data.sampling import checked_weights, drawn, weights_digest
from learnkit.errors import DataError
from learnkit.randomness import FloatArray, IntArray, permutation
from learnkit.types import Identity


def batch_bounds(n: int, batch_size: int, *, train: bool, drop_last: bool = False) -> list[int]:
    """Return where batches begin and end in the order of an epoch: ``[0, 64, 128, 150]``.

    The last batch may be smaller; with ``drop_last`` it is left out, unless it is the only one. In
    training a last batch of one sample is joined to the one before it, because BatchNorm cannot
    train on a single sample.
    """
    bounds = [*range(0, n, batch_size), n] if n else [0]
    if len(bounds) > 2:
        last = bounds[-1] - bounds[-2]
        if drop_last and last < batch_size:
            del bounds[-1]
        elif train and last == 1 and batch_size > 1:
            del bounds[-2]
    return bounds


def epoch_batches(
    n: int, batch_size: int, *, seed: int, epoch: int, shuffle: bool, drop_last: bool = False
) -> list[IntArray]:
    """Return the indices of each batch of an epoch, a pure function of the arguments."""
    order = permutation(n, seed=seed, epoch=epoch) if shuffle else np.arange(n, dtype=np.int64)
    bounds = batch_bounds(n, batch_size, train=shuffle, drop_last=drop_last)
    return [order[a:b] for a, b in itertools.pairwise(bounds)]


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """How many batches an epoch has, and which samples are in each: what all loaders share.

    Attributes:
        n: samples in the dataset.
        batch_size: samples per batch; see ``batch_bounds`` for the last one.
        seed: of the order.
        shuffle: a new order in each epoch, as training wants it.
        drop_last: leave out a last batch that is not full, unless it is the only one.
        weights: float64 (n,), how often each sample comes relative to the others: each epoch
            draws ``n`` samples, with replacement. None lets each come once.

    Raises:
        DataError: when ``batch_size`` is below 1, or weights do not fit.
    """

    n: int
    batch_size: int
    seed: int = 42
    shuffle: bool = False
    drop_last: bool = False
    weights: FloatArray | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise DataError(f"batch_size must be 1 or more, found {self.batch_size}.")
        if self.weights is not None:
            checked_weights(self.weights, self.n)
            if not self.shuffle:
                raise DataError("Weights are for training: they need shuffle=True.")

    @property
    def bounds(self) -> list[int]:
        """Where batches begin and end in the order of an epoch."""
        return batch_bounds(self.n, self.batch_size, train=self.shuffle, drop_last=self.drop_last)

    @property
    def n_samples(self) -> int:
        """Samples in one epoch, which ``drop_last`` may make fewer than ``n``."""
        return self.bounds[-1]

    @property
    def identity(self) -> Identity:
        """What decides which samples are in which batch, but for their number."""
        plain: Identity = {
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "seed": self.seed,
        }
        return plain if self.weights is None else {**plain, "weights": weights_digest(self.weights)}

    def __len__(self) -> int:
        """Batches in one epoch."""
        return len(self.bounds) - 1

    def batches(self, epoch: int) -> list[IntArray]:
        """Return the indices of each batch of one epoch."""
        if self.weights is not None:
            order = drawn(self.weights, seed=self.seed, epoch=epoch)
            return [order[a:b] for a, b in itertools.pairwise(self.bounds)]
        return epoch_batches(
            self.n,
            self.batch_size,
            seed=self.seed,
            epoch=epoch,
            shuffle=self.shuffle,
            drop_last=self.drop_last,
        )
