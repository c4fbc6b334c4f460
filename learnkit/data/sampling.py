"""Rare classes more often: how often each training sample comes, and the draw of an epoch."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from learnkit.data.coded_labels import Labels
from learnkit.data.samples import Samples
from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.randomness import FloatArray, IntArray, key_of, mix, permutation, uniforms

Sampling: TypeAlias = (
    Literal["balanced"]
    | Mapping[Any, float]
    | Sequence[float]
    | Callable[[Samples], Sequence[float]]
    | None
)

_FORMS: Final = (
    "sampling must be None, 'balanced', a weight for each class ({'spam': 3.0}), a weight for each "
    "sample, or a function of the samples that returns these"
)


def weights_of(
    sampling: Sampling, train: Samples, kept: IntArray | None = None, n: int | None = None
) -> FloatArray | None:
    """Return how often each training sample is to come, relative to the others; None for no draw.

    Args:
        sampling: ``"balanced"`` gives every class the same share; a mapping gives each sample of a
            class its weight, 1 where the class is not named; a sequence has a weight for each
            sample; a function gets the training samples.
        train: the training samples.
        kept: where these are among all samples, which a sequence of weights is for.
        n: how many samples there are in all.

    Raises:
        DataError: for anything else, a weight that is negative or no number, weights that are all
            0, a class that is not there, and for classes where the targets are none.
    """
    if sampling is None:
        return None
    if isinstance(sampling, str):
        word: str = sampling  # type checkers know the right one only
        if word != "balanced":
            hint = did_you_mean(word, ["balanced"])
            raise DataError(f"{_FORMS}: found {word!r}.{hint}")
        coded = Labels.of(_labels(train))
        counts = np.bincount(coded.codes)
        return checked_weights(1.0 / counts[coded.codes], train.n)
    if isinstance(sampling, Mapping):
        return checked_weights(_by_class(sampling, Labels.of(_labels(train))), train.n)
    if callable(sampling):
        return checked_weights(sampling(train), train.n)
    weights = checked_weights(sampling, train.n if kept is None or n is None else n)
    return weights if kept is None else checked_weights(weights[kept], train.n)


def checked_weights(given: Any, n: int) -> FloatArray:
    """Return weights as float64 (n,).

    Raises:
        DataError: when they are not ``n`` finite numbers of at least 0, one of them above 0.
    """
    try:
        weights = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{_FORMS}: found {type(given).__name__}.") from None
    if weights.shape != (n,):
        raise DataError(
            f"sampling has weights of shape {weights.shape}, but there are {n} samples: give one "
            "number for each."
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise DataError(
            f"Weight {bad[0]} (counted from 0) of sampling is {weights[bad[0]]:g}: weights are "
            "finite and at least 0."
        )
    if not weights.any():
        raise DataError(f"All {n} weights of sampling are 0: no sample would be trained on.")
    return weights


def drawn(weights: FloatArray, *, seed: int, epoch: int) -> IntArray:
    """Draw the samples of an epoch, with replacement, in a random order: int64 (N,).

    As many as there are weights. Of N draws a sample gets N * weight / sum, rounded down or up; so
    do all samples of one weight together: two balanced classes come out even to one. This is
    systematic sampling (Madow, 1949, "On the theory of systematic sampling, II", Annals of
    Mathematical Statistics 20(3)): one random number shifts N evenly spaced points along the
    cumulative weights, here with samples of one weight side by side in a random order.

    Args:
        weights: float64 (N,), at least 0.
        seed: the same seed and epoch give the same draw.
        epoch: of the training data, from 0.
    """
    n = len(weights)
    key = mix(seed, key_of("sampling"), epoch)
    draws = uniforms(key, np.arange(n + 1, dtype=np.int64), 1)[:, 0]
    order = np.lexsort((draws[:n], weights))
    ends = np.cumsum(weights[order])
    points = (np.arange(n) + draws[n]) * (ends[-1] / n)
    places = np.minimum(np.searchsorted(ends, points, side="right"), n - 1)
    chosen: IntArray = order[places].astype(np.int64)
    return chosen[permutation(n, seed=seed, epoch=epoch)]


def weights_digest(weights: FloatArray) -> str:
    """Return the SHA-256 of weights, for a loader's identity."""
    return hashlib.sha256(np.ascontiguousarray(weights, dtype="<f8").tobytes()).hexdigest()


def _by_class(given: Mapping[Any, float], labels: Labels) -> Sequence[float]:
    named = {str(name): weight for name, weight in given.items()}
    for name in named:
        if name not in labels.texts:
            raise DataError(
                f"sampling names the class {name!r}, which no training sample has."
                f"{did_you_mean(name, labels.texts)} The classes are: "
                f"{', '.join(map(repr, sorted(labels.texts)))}."
            )
    return [named.get(label, 1.0) for label in labels]


def _labels(train: Samples) -> Sequence[str]:
    if train.labels is None:
        raise DataError(
            "sampling by class needs classes: these targets are none, or are not known before the "
            "samples are loaded. Give a weight for each sample."
        )
    return train.labels
