"""From the labels of texts to targets: one class each, or several labels at once."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from learnkit.data.coded_labels import Labels
from learnkit.data.file_names import FileNames
from learnkit.data.labels import (
    Labelled,
    decide_classes,
    encode,
    names_of_classes,
    sorted_classes,
)
from learnkit.data.text.rows import TextRows
from learnkit.data.text.sides import TextSides
from learnkit.errors import DataError
from learnkit.losses import binary_cross_entropy_of_logits
from learnkit.names import did_you_mean
from learnkit.tasks import MultiLabel, Task


class Targets(NamedTuple):
    """Targets of both sides.

    Attributes:
        train: int64 (N,), or bool (N, K) for several labels.
        valid: likewise.
        classes: names in the order of the outputs.
        task: several labels; None for one class each.
    """

    train: Tensor
    valid: Tensor
    classes: tuple[str, ...]
    task: Task | None


def targets_of(sides: TextSides, given: Sequence[object] | None) -> Targets:
    """Encode the labels of both sides.

    Args:
        sides: the texts with their labels.
        given: the user's ``classes=``, or None for those of training.

    Raises:
        DataError: for fewer than two classes, one that only validation has, or one not given.
    """
    if sides.train.sets is not None:
        return _several(sides, given)
    train, valid = (
        Labelled(FileNames.of(()), Labels.of(part.labels), part.where)
        for part in (sides.train, sides.valid)
    )
    classes = decide_classes(train, valid, given, advice=sides.advice, noun="texts")
    coded = [torch.from_numpy(encode(part.labels, classes)) for part in (train, valid)]
    return Targets(coded[0], coded[1], classes, None)


def _several(sides: TextSides, given: Sequence[object] | None) -> Targets:
    parts = [part.sets or [] for part in (sides.train, sides.valid)]
    if given is not None:
        classes = names_of_classes(given)
    else:
        classes = sorted_classes({name for labels in parts[0] for name in labels})
    if not classes:
        raise DataError(f"No text of {sides.train.where} has a label.")
    for part, cells in zip((sides.train, sides.valid), parts, strict=True):
        _check_known(part, cells, classes, "" if given is not None else f" {sides.advice}")
    coded = [_as_booleans(cells, classes) for cells in parts]
    return Targets(coded[0], coded[1], classes, MultiLabel(binary_cross_entropy_of_logits, classes))


def _check_known(
    part: TextRows, cells: list[tuple[str, ...]], classes: tuple[str, ...], advice: str
) -> None:
    known = set(classes)
    for row, labels in zip(part.rows, cells, strict=True):
        for name in labels:
            if name not in known:
                raise DataError(
                    f"{row} has the label {name!r}, which is not among those of training "
                    f"{list(classes)}.{did_you_mean(name, classes)}{advice}"
                )


def _as_booleans(cells: list[tuple[str, ...]], classes: tuple[str, ...]) -> Tensor:
    places = {name: place for place, name in enumerate(classes)}
    y = torch.zeros(len(cells), len(classes), dtype=torch.bool)
    for row, labels in enumerate(cells):
        for name in labels:
            y[row, places[name]] = True
    return y
