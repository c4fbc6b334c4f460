"""Which learning rate each layer group gets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat, TypeAlias

import numpy as np

from learnkit.names import checked_keywords


@dataclass(frozen=True, slots=True)
class LayerDecay:
    """A rate for the last layer group, and ``decay`` times as much for each one before it.

    Attributes:
        lr: of the last group.
        decay: the factor from a group to the one before it, in (0, 1].
        lowest: no group gets less than this fraction of ``lr``, in [0, 1].
    """

    lr: float
    decay: float
    lowest: float = 0.0

    def rates(self, n_layers: int) -> list[float]:
        """Return one rate a layer group, early to late."""
        depths = range(n_layers - 1, -1, -1)
        return [self.lr * max(self.lowest, self.decay**depth) for depth in depths]


LearningRate: TypeAlias = float | Sequence[float] | slice | LayerDecay


@checked_keywords
def layer_decay(lr: float, decay: float = 0.75, *, lowest: float = 0.0) -> LayerDecay:
    """Layer-wise decay of the rate, for ``lr=`` of every way to fit.

    Clark et al. 2020 (ELECTRA, arXiv 2003.10555, appendix A) and Bao et al. 2022 (BEiT, arXiv
    2106.08254, appendix), as timm's ``layer_decay``: the last group gets ``lr``, the one before it
    ``lr * decay``, and so on down to the first. A layer group is what the learner's ``splitter``
    says; ``splitter=by_depth`` makes one of every block, as timm does.

    Args:
        lr: of the last layer group.
        decay: the factor from a group to the one before it, in (0, 1].
        lowest: no group gets less than this fraction of ``lr``, in [0, 1].

    Raises:
        ValueError: when an argument is out of range.

    Example:
        >>> spread_rates(layer_decay(0.8, 0.5), 3)
        [0.2, 0.4, 0.8]
    """
    if not 0.0 < decay <= 1.0:
        raise ValueError(f"layer_decay(): decay must be above 0, at most 1, found {decay!r}.")
    if not 0.0 <= lowest <= 1.0:
        raise ValueError(f"layer_decay(): lowest must be from 0 to 1, found {lowest!r}.")
    if not 0.0 <= _number(lr, lr) < math.inf:
        raise ValueError(f"layer_decay(): lr must be a number >= 0, found {lr!r}.")
    return LayerDecay(float(lr), float(decay), float(lowest))


def spread_rates(lr: LearningRate, n_layers: int) -> list[float]:
    """Return one learning rate a layer group, early to late.

    A number goes to every group. ``slice(lo, hi)`` is spread geometrically from ``lo`` to ``hi``;
    ``slice(hi)`` gives the last group ``hi`` and the others a tenth of it, as in fastai. A sequence
    is taken as it is. `layer_decay` gives the last group its rate and the others less and less.

    Raises:
        ValueError: when a sequence's length is not the number of groups, or a rate is negative.
    """
    if isinstance(lr, LayerDecay):
        rates = lr.rates(n_layers)
    elif isinstance(lr, slice):
        rates = _spread_slice(lr, n_layers)
    elif isinstance(lr, Sequence | np.ndarray):
        rates = [_number(rate, lr) for rate in lr]
    else:
        rates = [_number(lr, lr)] * n_layers
    if len(rates) != n_layers:
        raise ValueError(
            f"lr has {len(rates)} values and the model has {n_layers} layer groups; "
            "give one number, slice(lo, hi), or one number per group."
        )
    if any(not 0 <= rate < math.inf for rate in rates):
        raise ValueError(f"learning rates must be numbers >= 0; got {rates}.")
    return rates


def _number(rate: object, lr: object) -> float:
    if isinstance(rate, bool) or not isinstance(rate, SupportsFloat):
        raise ValueError(
            "lr must be a number such as 1e-3, slice(lo, hi), or one number per layer group; "
            f"got {lr!r}."
        )
    return float(rate)


def _spread_slice(lr: slice, n_layers: int) -> list[float]:
    if lr.stop is None or lr.step is not None:
        raise ValueError(f"a slice of rates is slice(hi) or slice(lo, hi); got {lr}.")
    hi = _number(lr.stop, lr)
    if lr.start is None:
        return [hi / 10] * (n_layers - 1) + [hi]
    lo = _number(lr.start, lr)
    if n_layers == 1:
        return [hi]
    if lo <= 0 or hi <= 0:
        raise ValueError(f"slice(lo, hi) needs rates above 0; got slice({lo:g}, {hi:g}).")
    return [lo * (hi / lo) ** (i / (n_layers - 1)) for i in range(n_layers)]
