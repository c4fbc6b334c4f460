"""Splits that the samples themselves decide: by group, by folder, by a column, by time.

Each is a plain function of values, one for each sample, and gives the indices for training and for
validation, int64 and ascending. Random and stratified ones are in ``split``.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from learnkit.data.coded_labels import Labels
from learnkit.data.labels import is_missing
from learnkit.data.split import check_pct, sorted_codes
from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.randomness import IntArray, key_of, mix, uniforms

Indices: TypeAlias = tuple[IntArray, IntArray]


def split_grouped(
    groups: Sequence[object],
    valid_pct: float = 0.2,
    *,
    labels: Sequence[str] | None = None,
    seed: int = 42,
) -> Indices:
    """Hold whole groups out: no patient, burst or document is on both sides.

    Groups are gone through in a random order, and one is held out when that brings the validation
    samples nearer to ``valid_pct`` of all; with ``labels``, nearer to ``valid_pct`` of every class.
    The order depends on the seed and the groups' names, not on the order of the samples.

    Args:
        groups: what each sample belongs to.
        valid_pct: the fraction of samples to hold out, in (0, 1).
        labels: the class of each sample, where classes are to be shared out alike.
        seed: the same seed gives the same split.

    Raises:
        DataError: when there are fewer than two groups, a group is missing, or lengths differ.

    Example:
        >>> train, valid = split_grouped(["ann", "ann", "bob", "ann", "ann"], 0.2)
        >>> valid.tolist()
        [2]
    """
    check_pct(valid_pct)
    codes, counts = group_counts(groups, labels)
    if len(counts) < 2:
        raise DataError(
            f"A split by group needs at least two groups: all {len(codes)} samples are of one."
        )
    held = _held_out(counts, valid_pct, group_draws(len(counts), seed))
    return parts_of(held[codes])


def _held_out(
    counts: npt.NDArray[np.float64], pct: float, draws: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    shares = counts / counts.sum(axis=0)  # of each class, so that a rare one counts as much
    held = np.zeros(len(counts), dtype=bool)
    missing = np.full(shares.shape[1], pct)
    free = len(held) - 1  # how many may still be held out; counting them anew takes G**2 steps
    for group in np.argsort(draws, kind="stable").tolist():
        after = missing - shares[group]
        if (after**2).sum() < (missing**2).sum() and free:
            held[group], missing, free = True, after, free - 1
    if not held.any():  # each is larger than twice what is wanted
        held[int(np.argmin(counts.sum(axis=1)))] = True
    return held


def group_counts(
    groups: Sequence[object], labels: Sequence[str] | None
) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Return each sample's group as a number, and how many samples (G, K) each has of each class.

    Raises:
        DataError: for a missing group, or another number of groups than of labels.
    """
    for place, group in enumerate(groups):
        if is_missing(group):
            raise DataError(
                f"Sample {place} (counted from 0) has no group: {group!r}. Give every sample one."
            )
    codes = sorted_codes(Labels.of(str(group) for group in groups))
    if labels is not None and len(labels) != len(codes):
        raise DataError(
            f"groups and labels must be equally long: found {len(codes)} and {len(labels)}."
        )
    classes = np.zeros_like(codes) if labels is None else sorted_codes(Labels.of(labels))
    counts = np.zeros((codes.max(initial=-1) + 1, classes.max(initial=-1) + 1))
    np.add.at(counts, (codes, classes), 1)
    return codes, counts


def group_draws(n: int, seed: int) -> npt.NDArray[np.float64]:
    """Draw one number in [0, 1) for each of ``n`` groups."""
    return uniforms(mix(seed, key_of("groups")), np.arange(n, dtype=np.int64), 1)[:, 0]


def parts_of(held: npt.NDArray[np.bool_]) -> Indices:
    """Return the indices where ``held`` is False, and where it is True."""
    return np.flatnonzero(~held), np.flatnonzero(held)


def split_by_folder(
    names: Sequence[str], valid: str = "valid", *, train: str | None = None
) -> Indices:
    """Hold out the files that are below a folder called ``valid``, at any depth.

    Args:
        names: file names with ``/``.
        valid: the folder's name.
        train: where given, only files below a folder of this name are trained on, and all others
            are left out; by default everything that is not held out is trained on.

    Raises:
        DataError: when one side would be empty, naming the folders that there are.
    """
    folders = [frozenset(str(name).split("/")[:-1]) for name in names]
    held = np.array([valid in parts for parts in folders], dtype=bool)
    kept = ~held if train is None else np.array([train in parts for parts in folders], dtype=bool)
    kept &= ~held
    if not held.any():
        raise _no_folder(valid, folders)
    if not kept.any():
        if train is not None:
            raise _no_folder(train, folders)
        raise DataError(f"All files are in a folder {valid!r}: nothing is left to train on.")
    return np.flatnonzero(kept), np.flatnonzero(held)


def _no_folder(wanted: str, folders: Sequence[frozenset[str]]) -> DataError:
    known = sorted(frozenset[str]().union(*folders))
    shown = ", ".join(map(repr, known[:6])) + (", ..." if len(known) > 6 else "")
    return DataError(
        f"No file is in a folder {wanted!r}.{did_you_mean(wanted, known)} The folders are: "
        f"{shown or 'none'}."
    )


def split_by_column(values: Sequence[object], valid: object = True) -> Indices:
    """Hold out the samples whose value is ``valid``, or one of several.

    Values are compared as texts without regard to case, so that ``True`` in a table in memory and
    ``true`` in a CSV file are one; 1 and 0 stand for True and False.

    Raises:
        DataError: when one side would be empty, naming the values that there are.
    """
    several = valid if isinstance(valid, list | tuple | set | frozenset) else (valid,)
    wanted = {_word(value) for value in several}
    words = [_word(value) for value in values]
    held = np.array([word in wanted for word in words], dtype=bool)
    if held.all() or not held.any():
        found = list(dict.fromkeys(str(value) for value in values))
        shown = ", ".join(map(repr, found[:6])) + (", ..." if len(found) > 6 else "")
        raise DataError(
            f"{'All' if held.all() and len(held) else 'None'} of the {len(held)} samples have "
            f"{valid!r} in the column that tells the split; its values are {shown or 'none'}."
        )
    return parts_of(held)


def _word(value: object) -> str:
    text = str(value).strip().casefold()
    return {"1": "true", "1.0": "true", "0": "false", "0.0": "false"}.get(text, text)


def split_by_time(times: Sequence[Any], valid_pct: float = 0.2) -> Indices:
    """Hold the latest samples out, as what comes later must not be learned from.

    Samples of one time stay on one side, so there may be more or fewer than ``valid_pct``.

    Args:
        times: one for each sample: numbers, dates, or texts that sort as ``2024-01-31`` does.
        valid_pct: the fraction of samples to hold out, in (0, 1).

    Raises:
        DataError: when a time is missing, times cannot be compared, or all are equal.
    """
    check_pct(valid_pct)
    for place, time in enumerate(times):
        if is_missing(time):
            raise DataError(f"Sample {place} (counted from 0) has no time: {time!r}.")
    try:
        distinct = sorted(set(times))
    except TypeError as error:
        raise DataError(f"The times cannot be put in order: {error}.") from error
    if len(distinct) < 2:
        raise DataError("A split by time needs at least two different times; all are equal.")
    place_of = {time: place for place, time in enumerate(distinct)}
    places = np.array([place_of[time] for time in times], dtype=np.int64)
    before = np.cumsum(np.bincount(places))[:-1]  # samples before each time but the first
    first = int(np.argmin(np.abs(before - len(places) * (1 - valid_pct)))) + 1
    return parts_of(places >= first)
