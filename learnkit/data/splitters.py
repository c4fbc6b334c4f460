"""Splitters: what the factories take as ``split=``.

A splitter is a function of `Samples` that returns the indices for training and for validation; any
function of yours will do, and so will such a pair itself. Those here are made of the plain
functions in ``split``, ``split_values`` and ``folds``, which take values and know no samples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from learnkit.data.folds import check_k, grouped_folds, k_folds, stratified_folds
from learnkit.data.labels import label_by_regex
from learnkit.data.samples import Samples, Split, split_name
from learnkit.data.split import (
    all_differ,
    check_pct,
    held_out_words,
    split_groups,
    split_random,
    split_stratified,
)
from learnkit.data.split_values import (
    Indices,
    split_by_column,
    split_by_folder,
    split_by_time,
    split_grouped,
)
from learnkit.errors import DataError
from learnkit.names import checked_keywords

Groups: TypeAlias = str | Callable[[Path], object] | Sequence[object]


@dataclass(frozen=True)
class Splitter:
    """A function of the samples, with words that say what it does.

    Attributes:
        words: for ``data.split`` and messages.
        func: gets `Samples` and returns the indices for training and for validation.
    """

    words: str
    func: Callable[[Samples], Indices]

    def __call__(self, samples: Samples) -> Indices:
        """Return the indices for training and for validation."""
        return self.func(samples)


@checked_keywords
def random_splitter(valid_pct: float = 0.2, *, seed: int = 42) -> Splitter:
    """Hold a fraction out at random; rows that name one file stay on one side.

    Raises:
        DataError: unless ``valid_pct`` is in (0, 1).
    """
    check_pct(valid_pct)

    def split(samples: Samples) -> Indices:
        if samples.names is None:
            return split_random(samples.n, valid_pct, seed)
        labels = [""] * samples.n if samples.labels is None else samples.labels
        return split_groups(samples.names, labels, valid_pct, seed, stratified=False)

    return Splitter(held_out_words(valid_pct, seed, stratified=False), split)


@checked_keywords
def stratified_splitter(valid_pct: float = 0.2, *, seed: int = 42) -> Splitter:
    """Hold out the same fraction of every class, at random.

    Raises:
        DataError: unless ``valid_pct`` is in (0, 1); by the splitter, when targets are no classes.
    """
    check_pct(valid_pct)

    def split(samples: Samples) -> Indices:
        labels = _labels(samples)
        if samples.names is None:
            return split_stratified(labels, valid_pct, seed)
        return split_groups(samples.names, labels, valid_pct, seed, stratified=True)

    return Splitter(held_out_words(valid_pct, seed, stratified=True), split)


@checked_keywords
def grouped_splitter(
    by: Groups, valid_pct: float = 0.2, *, stratified: bool = False, seed: int = 42
) -> Splitter:
    """Hold whole groups out, so that one patient or one burst of photos is on one side.

    Args:
        by: what a sample belongs to: the name of a column of the table; for files a regular
            expression whose first group is it, as in ``"^(.*)_[0-9]+"``, or a function of the
            path below the data's folder; or a list with one entry for each sample.
        valid_pct: the fraction of samples to hold out, in (0, 1).
        stratified: share every class out alike, as far as groups allow.
        seed: the same seed gives the same split.

    Raises:
        DataError: see ``split_grouped``.

    Example:
        ``ImageDataBunch.from_folder("scans", split=grouped_splitter("(patient_[0-9]+)"))``
    """
    check_pct(valid_pct)

    def split(samples: Samples) -> Indices:
        labels = _labels(samples) if stratified else None
        return split_grouped(groups_of(samples, by), valid_pct, labels=labels, seed=seed)

    return Splitter(
        f"whole groups, {held_out_words(valid_pct, seed, stratified=stratified)}", split
    )


@checked_keywords
def folder_splitter(valid: str = "valid", *, train: str | None = None) -> Splitter:
    """Hold out the files below a folder called ``valid``, at any depth; see ``split_by_folder``."""

    def split(samples: Samples) -> Indices:
        if samples.names is None:
            raise DataError("folder_splitter divides files by their folders: there are none here.")
        return split_by_folder(samples.names, valid, train=train)

    return Splitter(f"by the folder {valid!r}", split)


@checked_keywords
def column_splitter(column: str | int, *, valid: object = True) -> Splitter:
    """Hold out the rows of a table that have ``valid``, or one of several, in a column."""
    return Splitter(
        f"by the column {column!r}",
        lambda samples: split_by_column(samples.column(column), valid),
    )


@checked_keywords
def time_splitter(by: str | Sequence[object], valid_pct: float = 0.2) -> Splitter:
    """Hold the latest samples out.

    Args:
        by: the column of times, or a list with one time for each sample.
        valid_pct: the fraction to hold out, in (0, 1).
    """
    check_pct(valid_pct)

    def split(samples: Samples) -> Indices:
        times = samples.column(by) if isinstance(by, str) else by
        _check_length(times, samples)
        return split_by_time(times, valid_pct)

    return Splitter(f"the latest {valid_pct:.3g} of the samples held out", split)


@checked_keywords
def fold_splitters(
    k: int = 5, *, by: Groups | None = None, stratified: bool = True, seed: int = 42
) -> list[Splitter]:
    """Return ``k`` splitters, each of which validates on another fold: k-fold cross-validation.

    Args:
        k: how many folds.
        by: groups that stay in one fold, as in ``grouped_splitter``.
        stratified: give every fold the same fraction of every class, where targets are classes.
        seed: the same seed gives the same folds.

    Raises:
        DataError: unless ``k`` is a whole number of at least 2; by a splitter, when there are
            fewer samples or groups.

    Example:
        ``bunches = [ImageDataBunch.from_folder("flowers", split=s) for s in fold_splitters(5)]``
    """
    check_k(k, max(k, 2) if isinstance(k, int) else 2, "samples")

    def folds(samples: Samples) -> list[Indices]:
        labels = samples.labels if stratified else None
        if by is not None:
            return grouped_folds(groups_of(samples, by), k, labels=labels, seed=seed)
        if samples.names is not None and not all_differ(samples.names):
            return grouped_folds(samples.names, k, labels=labels, seed=seed)
        if labels is None:
            return k_folds(samples.n, k, seed=seed)
        return stratified_folds(labels, k, seed=seed)

    return [
        Splitter(f"fold {i + 1} of {k}, by seed {seed}", lambda samples, i=i: folds(samples)[i])  # type: ignore[misc]
        for i in range(k)
    ]


def with_columns(split: Split, columns: Mapping[Any, Sequence[Any]]) -> Split:
    """Return a split that is told of a table's columns too."""
    if not callable(split):
        return split
    told: Callable[[Samples], Indices] = split
    return Splitter(split_name(split), lambda samples: told(replace(samples, columns=columns)))


def groups_of(samples: Samples, by: Groups) -> Sequence[object]:
    """Return the group of each sample; see ``grouped_splitter``.

    Raises:
        DataError: when ``by`` does not fit this data.
    """
    if isinstance(by, str):
        if by in samples.columns or samples.names is None:
            return samples.column(by)
        find = label_by_regex(by)
        return [find(Path(name)) for name in samples.names]
    if callable(by):
        if samples.names is None:
            raise DataError(
                "by is a function of a file's path, but this data has no files: give the name of "
                "a column, or a list with one group for each sample."
            )
        return [by(Path(name)) for name in samples.names]
    _check_length(by, samples)
    return by


def _check_length(values: Sequence[object], samples: Samples) -> None:
    if len(values) != samples.n:
        raise DataError(f"by has {len(values)} entries, but there are {samples.n} samples.")


def _labels(samples: Samples) -> Sequence[str]:
    if samples.labels is None:
        raise DataError(
            "A stratified split needs classes: these targets are none, or are not known before "
            "the samples are loaded. Use random_splitter."
        )
    return samples.labels
