"""k-fold cross-validation: K pairs of indices, so that every sample is validated on exactly once.

Pure functions of the values and the seed. ``fold_splitters`` makes K bunches of them.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from learnkit.data.coded_labels import Labels
from learnkit.data.split import sorted_codes
from learnkit.data.split_values import Indices, group_counts, group_draws, parts_of
from learnkit.errors import DataError
from learnkit.randomness import FloatArray, IntArray, key_of, mix, uniforms


def k_folds(n: int, k: int = 5, *, seed: int = 42) -> list[Indices]:
    """Share ``n`` samples over ``k`` folds at random; folds differ by at most one sample.

    Returns:
        For each fold the indices for training and for validation, each int64 and ascending.

    Raises:
        DataError: unless ``k`` is a whole number from 2 to ``n``.

    Example:
        >>> [valid.tolist() for train, valid in k_folds(4, 2)]
        [[0, 3], [1, 2]]
    """
    check_k(k, n, "samples")
    folds = np.empty(n, dtype=np.int64)
    folds[np.argsort(_draws(n, seed), kind="stable")] = np.arange(n) % k
    return _pairs(folds, k)


def stratified_folds(labels: Sequence[str], k: int = 5, *, seed: int = 42) -> list[Indices]:
    """Share samples over ``k`` folds so that each class, and all together, differ by at most one.

    Raises:
        DataError: unless ``k`` is a whole number from 2 to the number of samples; for a class of
            one sample, which could not be trained on when it is validated on.
    """
    check_k(k, len(labels), "samples")
    coded = Labels.of(labels)
    alone = np.flatnonzero(np.bincount(coded.codes) == 1)
    if len(alone):
        raise DataError(
            f"Class {coded.texts[alone[0]]!r} has one sample: in the fold that validates on it, it "
            "would not be trained on. Add samples of it, leave it out, or do not stratify."
        )
    order = np.lexsort((_draws(len(labels), seed), sorted_codes(coded)))
    folds = np.empty(len(labels), dtype=np.int64)
    folds[order] = np.arange(len(labels)) % k  # class after class, each dealt out in turn
    return _pairs(folds, k)


def grouped_folds(
    groups: Sequence[object],
    k: int = 5,
    *,
    labels: Sequence[str] | None = None,
    seed: int = 42,
) -> list[Indices]:
    """Share whole groups over ``k`` folds, so that folds have about as many samples each.

    The largest group first, each goes to the fold that has least (Graham, 1969, "Bounds on
    multiprocessing timing anomalies", SIAM J. Appl. Math. 17(2)); groups of one size in a random
    order. With ``labels``, "least" is of the classes that the group has: the fold is taken for
    which the sum over classes of (samples / samples of the class)**2 grows least.

    Raises:
        DataError: unless ``k`` is a whole number from 2 to the number of groups; for a missing
            group.
    """
    codes, counts = group_counts(groups, labels)
    check_k(k, len(counts), "groups")
    sizes = counts.sum(axis=1)
    shares = counts / counts.sum(axis=0)
    held, total = np.zeros((k, counts.shape[1])), np.zeros(k)
    fold_of = np.empty(len(counts), dtype=np.int64)
    for group in np.lexsort((group_draws(len(counts), seed), -sizes)).tolist():
        growth = held @ shares[group]  # what is the same for all folds is left out
        fold = int(np.lexsort((total, growth))[0])
        fold_of[group] = fold
        held[fold] += shares[group]
        total[fold] += sizes[group]
    return _pairs(fold_of[codes], k)


def check_k(k: int, n: int, noun: str) -> None:
    """Raise DataError unless ``k`` is a whole number from 2 to ``n``."""
    if isinstance(k, bool) or not isinstance(k, int) or k < 2:
        raise DataError(f"k, the number of folds, must be a whole number of at least 2: got {k!r}.")
    if k > n:
        raise DataError(f"{k} folds need at least {k} {noun}: found {n}.")


def _draws(n: int, seed: int) -> FloatArray:
    return uniforms(mix(seed, key_of("folds")), np.arange(n, dtype=np.int64), 1)[:, 0]


def _pairs(folds: IntArray | npt.NDArray[np.integer], k: int) -> list[Indices]:
    return [parts_of(folds == fold) for fold in range(k)]
