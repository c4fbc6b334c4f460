"""From file names to labels, and from labels to the classes of a model."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from learnkit.data.coded_labels import Labels
from learnkit.data.file_names import FileNames
from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.randomness import IntArray


class Labelled(NamedTuple):
    """Files with the text of their labels.

    Attributes:
        names: file names, as in ``Items``.
        labels: one text for each.
        where: how a message calls them: ``flowers/train``.
    """

    names: FileNames
    labels: Labels
    where: str

    @classmethod
    def of(cls, names: Iterable[str], labels: Iterable[str], where: str) -> "Labelled":
        """Hold names and labels in the order given."""
        return cls(FileNames.of(names), Labels.of(labels), where)

    def take(self, indices: IntArray, where: str) -> "Labelled":
        """Return the samples at ``indices``, called ``where``."""
        return Labelled(self.names.take(indices), self.labels.take(indices), where)


def label_by_folder(names: Iterable[str]) -> Labels:
    """Return the first folder of each name: ``daisy/macro/1.jpg`` is a ``daisy``.

    Raises:
        DataError: for a file that is in no folder.
    """
    names = FileNames.of(names)
    codes, folders = names.folders()
    loose = np.flatnonzero(np.array([not folder for folder in folders], dtype=bool)[codes])
    if len(loose):
        raise DataError(f"{names[loose[0]]} is in no folder, so it has no class.")
    firsts = Labels.of(folder.partition("/")[0] for folder in folders)
    return Labels(firsts.codes[codes], firsts.texts)


def label_by_regex(pattern: str | re.Pattern[str]) -> Callable[[Path], str]:
    """Return a function that labels a path by the pattern's first group.

    The pattern is searched in the file's name, and if it is not found there in the whole path, so
    ``^(.*)_`` and ``/([^/]+)_`` both work.

    Raises:
        DataError: when the pattern is no regular expression or has no group; by the function
            returned, when a file does not match.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"{pattern!r} is not a regular expression: {error}.") from error
    shown = compiled.pattern
    if compiled.groups < 1:
        raise DataError(
            f"The pattern {shown!r} has no group: put the part of the name that is the class in "
            "round brackets, as in '^(.*)_'."
        )

    def label(path: Path) -> str:
        match = compiled.search(path.name) or compiled.search(path.as_posix())
        if match is None or match[1] is None:
            raise DataError(f"The pattern {shown!r} does not match the file {path}.")
        return match[1]

    return label


def label_by_func(func: Callable[[str], object]) -> Callable[[Path], str]:
    """Return a function that labels a path by ``func(file name)``.

    Raises:
        DataError: by the function returned, naming the file, when ``func`` fails or gives no label.
    """

    def label(path: Path) -> str:
        try:
            value = func(path.name)
        except Exception as error:
            raise DataError(
                f"The label function failed on {path.name!r}: {type(error).__name__}: {error}. "
                "It is given the file's name as a string."
            ) from error
        if is_missing(value):
            raise DataError(f"The label function gave no label for {path.name!r}: {value!r}.")
        return str(value)

    return label


def is_missing(value: object) -> bool:
    """Say whether a value is None, NaN, pandas' NA or blank text."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    try:
        return bool(value != value)  # only NaN differs from itself
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"  # pandas.NA refuses to be a bool


def sorted_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels in order: by value when all are integers, else as text."""
    distinct = set(_distinct(labels))
    if all(re.fullmatch(r"-?[0-9]+", label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (int(label), label)))
    return tuple(sorted(distinct))


def _distinct(labels: Iterable[str]) -> Iterable[str]:
    return labels.texts if isinstance(labels, Labels) else labels


def encode(labels: Iterable[str], classes: Sequence[str]) -> IntArray:
    """Return the index of each label in ``classes``: int64 (N,)."""
    labels = Labels.of(labels)
    place = {name: index for index, name in enumerate(classes)}
    places: IntArray = np.array([place[label] for label in labels.texts], dtype=np.int64)
    return places[labels.codes]


def names_of_classes(given: Sequence[object]) -> tuple[str, ...]:
    """Return the user's ``classes=`` as names.

    Raises:
        DataError: for one text instead of a list, or a name that is there twice.
    """
    if isinstance(given, str):
        raise DataError(f"classes must be a list of names, found the text {given!r}.")
    classes = tuple(str(name) for name in given)
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise DataError(f"classes names {twice!r} more than once: {list(classes)}.")
    return classes


def decide_classes(
    train: Labelled,
    valid: Labelled,
    given: Sequence[object] | None,
    *,
    advice: str,
    noun: str = "images",
) -> tuple[str, ...]:
    """Return the classes of the data, in the model's order.

    Args:
        train: what is trained on.
        valid: what is validated on.
        given: the user's ``classes=``, or None for the sorted classes of ``train``.
        advice: what to do about a class that only ``valid`` has.
        noun: what the samples are called.

    Raises:
        DataError: when there are fewer than two classes, when ``valid`` has one that ``train`` has
            not, or when a label is not in ``given``.
    """
    seen = sorted_classes(train.labels)
    if given is not None:
        classes = _given_classes(given, train, valid, noun)
    else:
        classes = seen
        _check_valid_only(train, valid, seen, advice)
    if len(seen) == 1:
        raise DataError(
            f"Training needs {noun} of at least two classes: all {len(train.labels)} of "
            f"{train.where} are of class {seen[0]!r}."
        )
    return classes


def _check_valid_only(train: Labelled, valid: Labelled, seen: tuple[str, ...], advice: str) -> None:
    missing = sorted_classes(set(valid.labels.texts) - set(seen))
    if missing:
        listed = ", ".join(repr(name) for name in missing)
        raise DataError(
            f"{'Class' if len(missing) == 1 else 'Classes'} {listed} "
            f"{'is' if len(missing) == 1 else 'are'} in {valid.where} but not in {train.where}, "
            f"which has {', '.join(repr(name) for name in seen)}. {advice}"
        )


def _given_classes(
    given: Sequence[object], train: Labelled, valid: Labelled, noun: str
) -> tuple[str, ...]:
    classes = names_of_classes(given)
    for part in (train, valid):
        for label in sorted_classes(part.labels):
            if label not in classes:
                raise DataError(
                    f"Class {label!r} of {part.where} is not in classes={list(classes)}."
                    f"{did_you_mean(label, classes)} Name it there, or leave its {noun} out."
                )
    return classes
