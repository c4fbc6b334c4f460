"""Which samples make up which batch of which epoch. Knows indices only."""

import itertools

import numpy as np

from learnkit.randomness import IntArray, permutation


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
