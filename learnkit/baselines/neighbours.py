"""Nearest neighbours among some hundreds or thousands of rows. Knows numbers only."""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

_ROWS: Final = 1024  # compared at once
_CLOSE: Final = 0.1  # of the usual distance to the nearest
_ROUNDING: Final = 1e-6  # of the distance between any two rows
_FEW: Final = 8  # with fewer features, being near by chance is common


class Scale(NamedTuple):
    """Mean and standard deviation of each feature, float64 (D,)."""

    mean: Tensor
    std: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return standardised rows, float64 (N, D)."""
        return (x - self.mean) / self.std


def scale_of(x: Tensor) -> Scale:
    """Measure rows (N, D); a feature that is the same everywhere is left as wide as it is."""
    std, mean = torch.std_mean(x, dim=0, correction=0)
    same = std <= 1e-9 * mean.abs().clamp_min(1e-9)
    return Scale(mean, torch.where(same, torch.ones_like(std), std))


class Nearest(NamedTuple):
    """For each query its nearest keys, nearest first: both (Q, k)."""

    distances: Tensor
    places: Tensor


def nearest(queries: Tensor, keys: Tensor, k: int, *, itself: bool = False) -> Nearest:
    """Return the ``k`` nearest keys of each query, by Euclidean distance.

    Args:
        queries: float64 (Q, D).
        keys: float64 (N, D).
        k: at most N; with fewer keys all of them are returned.
        itself: queries are the keys, and none is its own neighbour.
    """
    found: list[tuple[Tensor, Tensor]] = []
    k = min(k, len(keys) - itself)
    for first in range(0, len(queries), _ROWS):
        part = queries[first : first + _ROWS]
        distances = torch.cdist(part, keys)
        if itself:
            rows = torch.arange(len(part))
            distances[rows, first + rows] = torch.inf
        best = distances.topk(k, dim=1, largest=False)
        found.append((best.values, best.indices))
    return Nearest(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def vote(labels: Tensor, n_classes: int) -> Tensor:
    """Return the most frequent label of each row (Q, k), the nearest one's where several are."""
    ranks = torch.arange(labels.shape[1], dtype=torch.float64)
    weights = (1 + 2.0 ** -(ranks + 1) / labels.shape[1]).expand(labels.shape)
    votes = torch.zeros(len(labels), n_classes, dtype=torch.float64)
    return votes.scatter_add_(1, labels, weights).argmax(1)


def close_distance(train: Tensor) -> float:
    """Return how near a row must be to one of ``train`` (standardised) to be called its copy.

    A tenth of the usual (median) distance from a row of ``train`` to its nearest other one. With
    fewer than eight features only equal rows are copies: there many are near by chance.
    """
    rounding = _ROUNDING * math.sqrt(2 * train.shape[1])
    if train.shape[1] < _FEW or len(train) < 3:
        return rounding
    usual = nearest(train, train, 1, itself=True).distances.median()
    return max(rounding, _CLOSE * float(usual))
