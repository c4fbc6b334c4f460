"""What is odd about baselines, in sentences. Knows numbers only."""

import math
from collections.abc import Iterator
from typing import Final

from torch import Tensor

from learnkit.baselines.result import Baseline

_MUCH: Final = 0.05  # of accuracy
_SURE: Final = 2.0  # standard errors
_ONE_SIDED: Final = 0.9


def notes_on_classes(scores: tuple[Baseline, ...], n_valid: int) -> Iterator[str]:
    """Say what accuracies give away about data and split."""
    value = {score.name: score.value for score in scores}
    majority, one = value["majority class"], value["1 nearest neighbour"]
    probe = value.get("linear probe")
    if majority >= _ONE_SIDED:
        yield (
            f"One class has {majority:.0%} of the validation samples: accuracy says little here. "
            "Watch a metric by class too."
        )
    if probe is None:
        return
    chance = math.hypot(_error(one, n_valid), _error(probe, n_valid))
    if one - probe > max(_MUCH, _SURE * chance):
        yield (
            f"One nearest neighbour is {one - probe:.2f} above the probe: validation samples seem "
            "to have siblings in training, as from one series of photos. Split by series."
        )
    best = max(one, probe)
    chance = math.hypot(_error(best, n_valid), _error(majority, n_valid))
    if best - majority < _SURE * chance:
        yield (
            "Neither neighbours nor probe beat the majority class clearly: these features do not "
            "tell the classes apart, or the labels are wrong."
        )


def _error(accuracy: float, n: int) -> float:
    """Return the standard error of an accuracy over ``n`` samples."""
    return math.sqrt(accuracy * (1 - accuracy) / n)


def note_on_copies(n_copies: int, n_valid: int) -> Iterator[str]:
    """Say how much of the validation side lies by a training sample."""
    if n_copies:
        yield (
            f"{n_copies:,} of {n_valid:,} validation samples have a near copy in training, which "
            "makes validation look better than it is. data.check() names copies of files."
        )


def note_on_missing(targets: Tensor, n_classes: int, names: tuple[str, ...]) -> Iterator[str]:
    """Say which classes have no training sample among those used."""
    there = set(targets.tolist())
    missing = [names[i] if i < len(names) else str(i) for i in range(n_classes) if i not in there]
    if missing:
        few = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        yield (
            f"{len(missing)} of {n_classes} classes have no training sample among those used "
            f"({few}). Raise n=."
        )


def note_on_crops(repeating: bool) -> Iterator[str]:
    """Say that training photos were not seen as they are."""
    if not repeating:
        yield "Training photos are cropped at random, so some near copies may go unseen."
