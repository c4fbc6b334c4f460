"""Simple answers on two sides of a split: how good each is, and what looks like a leak."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from learnkit.baselines.features import Sampled
from learnkit.baselines.neighbours import Nearest, close_distance, nearest, scale_of, vote
from learnkit.baselines.probe import Probe, fit_probe
from learnkit.baselines.result import Baseline, NearCopy
from learnkit.errors import ModelError

NEIGHBOURS: Final = (1, 5)
_AT_MOST: Final = 100  # near copies that are named


@dataclass(frozen=True, eq=False)
class Sides:
    """Both sides of a split.

    Attributes:
        train: samples of training.
        valid: samples of validation.
        n_classes: width of the logits; None for values.
        seed: of what is split off the training side.
    """

    train: Sampled
    valid: Sampled
    n_classes: int | None
    seed: int = 0

    def score_of(self, preds: Tensor) -> float:
        """Return accuracy of class numbers (N,), or the RMSE of values like the targets."""
        y = self.valid.targets
        if self.n_classes is not None:
            return float((preds == y).double().mean())
        return float((preds.double() - y.double()).square().mean().sqrt())


@dataclass(frozen=True, eq=False)
class Measured:
    """Scores, the probe behind the last of them, and who lies near whom."""

    scores: tuple[Baseline, ...]
    probe: Probe | None
    n_copies: int
    copies: tuple[NearCopy, ...]


def count_classes(targets: Tensor, names: tuple[str, ...], width: int) -> int | None:
    """Return the number of classes, or None for values.

    Args:
        targets: of the training samples.
        names: of the classes; empty where nobody named them.
        width: of the model's predictions.

    Raises:
        ModelError: for several labels at once, or a label for each pixel.
    """
    whole = not targets.is_floating_point() and targets.dtype != torch.bool
    if whole and targets.ndim == 1 and int(targets.min()) >= 0:
        return max(len(names), width, int(targets.max()) + 1)
    if targets.is_floating_point() and targets.ndim <= 2:
        return None
    kind = str(targets.dtype).removeprefix("torch.")
    raise ModelError(
        "baselines takes one class a sample, int64 (N,) from 0 on, or real values, (N,) or (N, K); "
        f"these targets are {kind} of shape {tuple(targets.shape)}."
    )


def measure(
    sides: Sides, *, probe: bool, name_valid: Callable[[int], str], name_train: Callable[[int], str]
) -> Measured:
    """Compute every answer.

    Args:
        sides: what is learned from, and what is answered for.
        probe: whether to fit a linear probe too.
        name_valid: names a validation sample by its index.
        name_train: names a training sample by its index.
    """
    train, valid = sides.train, sides.valid
    scale = scale_of(train.features)
    z = scale(train.features)
    near = nearest(scale(valid.features), z, max(NEIGHBOURS))
    scores = [_constant(sides), *(_by_neighbours(sides, near, k) for k in NEIGHBOURS)]
    found: Probe | None = None
    if probe:
        flat = _flat(train.targets) if sides.n_classes is None else train.targets.long()
        found = fit_probe(
            train.features, flat, scale=scale, n_classes=sides.n_classes, seed=sides.seed
        )
        raw = found(valid.features)
        answers = raw.reshape(valid.targets.shape) if sides.n_classes is None else raw.argmax(1)
        scores.append(Baseline("linear probe", sides.score_of(answers)))
    close = close_distance(z)
    typical = math.sqrt(2 * z.shape[1])  # between any two standardised rows
    rows = torch.nonzero(near.distances[:, 0] <= close).flatten()
    rows = rows[near.distances[rows, 0].argsort(stable=True)]
    copies = tuple(
        NearCopy(
            name_valid(int(valid.indices[row])),
            name_train(int(train.indices[int(near.places[row, 0])])),
            float(near.distances[row, 0]) / typical,
        )
        for row in rows[:_AT_MOST].tolist()
    )
    return Measured(tuple(scores), found, len(rows), copies)


def _constant(sides: Sides) -> Baseline:
    y = sides.train.targets
    if sides.n_classes is None:
        return Baseline(
            "mean", sides.score_of(y.double().mean(0).expand(sides.valid.targets.shape))
        )
    majority = y.long().bincount(minlength=sides.n_classes).argmax()
    return Baseline("majority class", sides.score_of(majority))


def _by_neighbours(sides: Sides, near: Nearest, k: int) -> Baseline:
    theirs = sides.train.targets[near.places[:, :k]]
    if sides.n_classes is None:
        answers = theirs.double().mean(1)
    else:
        answers = vote(theirs.long(), sides.n_classes)
    return Baseline(f"{k} nearest neighbour{'s' if k > 1 else ''}", sides.score_of(answers))


def _flat(targets: Tensor) -> Tensor:
    return targets.double().reshape(len(targets), -1)
