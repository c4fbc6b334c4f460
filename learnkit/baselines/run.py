"""Baselines of a learner's parts, from its loaders to the result."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from learnkit.baselines.features import Sampled, Tap, sample, tap_of
from learnkit.baselines.head_start import linear_to_start, start_head
from learnkit.baselines.measure import Measured, Sides, count_classes, measure
from learnkit.baselines.notes import (
    note_on_copies,
    note_on_crops,
    note_on_missing,
    notes_on_classes,
)
from learnkit.baselines.result import Baselines
from learnkit.errors import DataError, ModelError
from learnkit.predictions import Engine
from learnkit.types import BatchLoader, RepeatingLoader

_OTHERS: Final = ("gan", "language", "reconstruction", "segmentation", "variational")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is compared.

    Attributes:
        kind: of the task, such as ``"classification"``; empty for one of your own.
        engine: computes the model; its memory of features is used and let go.
        train_dl: gives the samples that are learned from.
        valid_dl: gives those that are answered for.
        classes: names of the classes; empty for values.
        activate: turns the model's raw predictions into what a person reads.
        seed: of what is split off the training samples.
    """

    kind: str
    engine: Engine
    train_dl: BatchLoader
    valid_dl: BatchLoader
    classes: tuple[str, ...]
    activate: Callable[[Tensor], Tensor]
    seed: int


def run_baselines(setting: Setting, *, n: int, probe: bool, init_head: bool) -> Baselines:
    """Compute the baselines; see ``Learner.baselines``."""
    began = time.perf_counter()
    if init_head and not probe:
        raise ValueError("baselines(init_head=True) needs the probe: leave probe=True.")
    if isinstance(n, bool) or not isinstance(n, int) or n < 2:
        raise ValueError(f"baselines: n, samples of each side, must be at least 2; found {n!r}.")
    if setting.kind in _OTHERS:
        raise ModelError(
            "baselines compares answers of one class or of values for each sample; this learner's "
            f"task is {setting.kind}, which has neither."
        )
    model = setting.engine.model
    tap = tap_of(model)
    linear = linear_to_start(tap, model) if init_head else None
    sides = _sides(setting, tap, n)
    found = measure(
        sides,
        probe=probe,
        name_valid=setting.valid_dl.describe,
        name_train=setting.train_dl.describe,
    )
    answer = sides.score_of(_answers(setting, sides))
    if linear is not None and found.probe is not None:
        start_head(linear, found.probe)
    return Baselines(
        measure="rmse" if sides.n_classes is None else "accuracy",
        scores=found.scores,
        model=answer,
        features=_words(tap, sides.train),
        n_train=len(sides.train.features),
        n_valid=len(sides.valid.features),
        n_copies=found.n_copies,
        copies=found.copies,
        notes=tuple(_notes(setting, sides, found)),
        l2=None if found.probe is None else found.probe.l2,
        head_started=linear is not None,
        seconds=time.perf_counter() - began,
    )


def _sides(setting: Setting, tap: Tap, n: int) -> Sides:
    train = sample(setting.engine, tap, setting.train_dl, n)
    valid = sample(setting.engine, tap, setting.valid_dl, n)
    if len(train.features) < 2:
        raise DataError("baselines needs at least 2 training samples; found 1.")
    width = train.preds.shape[1] if train.preds.ndim > 1 else 1
    n_classes = count_classes(train.targets, setting.classes, width)
    if n_classes is not None and (train.preds.ndim != 2 or width < n_classes):
        raise ModelError(
            f"baselines needs a score for each of the {n_classes} classes, (N, {n_classes}); the "
            f"model's predictions have shape {tuple(train.preds.shape)}. Give the last layer as "
            "many outputs as there are classes."
        )
    return Sides(train, valid, n_classes, setting.seed)


def _answers(setting: Setting, sides: Sides) -> Tensor:
    """Return the model's own answers in the form of the targets."""
    preds, targets = sides.valid.preds, sides.valid.targets
    if sides.n_classes is not None:
        return preds.argmax(1)
    if preds.numel() == targets.numel():
        return setting.activate(preds).reshape(targets.shape)
    raise ModelError(
        f"baselines cannot compare predictions of shape {tuple(preds.shape)} with targets of shape "
        f"{tuple(targets.shape)}: a row of scores for each class, or as many values as targets."
    )


def _words(tap: Tap, train: Sampled) -> str:
    width = train.features.shape[1]
    return f"{width:,} raw inputs each" if tap.raw else f"{width:,} features of the body each"


def _notes(setting: Setting, sides: Sides, found: Measured) -> Iterator[str]:
    n_valid = len(sides.valid.features)
    yield from note_on_copies(found.n_copies, n_valid)
    if sides.n_classes is not None:
        yield from notes_on_classes(found.scores, n_valid)
        yield from note_on_missing(sides.train.targets, sides.n_classes, setting.classes)
    loader = setting.train_dl
    yield from note_on_crops(not isinstance(loader, RepeatingLoader) or loader.n_repeating > 0)
