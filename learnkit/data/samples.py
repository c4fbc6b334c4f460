"""What a splitter is told of the samples, and what it may answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from learnkit.data.split_values import Indices
from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.randomness import IntArray


@dataclass(frozen=True, eq=False)
class Samples:
    """All samples, before they are divided.

    Attributes:
        n: how many there are.
        labels: the label of each as a text; None where targets are no classes, or are not known
            without loading the samples.
        names: the files, below the data's folder and with ``/``; None where there are no files.
        columns: the table's columns by name; empty where there is no table.
    """

    n: int
    labels: Sequence[str] | None = None
    names: Sequence[str] | None = None
    columns: Mapping[Any, Sequence[Any]] = field(default_factory=dict)

    def take(self, indices: IntArray) -> "Samples":
        """Return some of the samples."""
        chosen = indices.tolist()
        return Samples(
            len(chosen),
            None if self.labels is None else [self.labels[i] for i in chosen],
            None if self.names is None else [self.names[i] for i in chosen],
            {name: [values[i] for i in chosen] for name, values in self.columns.items()},
        )

    def column(self, name: object) -> Sequence[Any]:
        """Return a column of the table.

        Raises:
            DataError: when there is none of that name, naming the nearest.
        """
        if name in self.columns:
            return self.columns[name]
        texts = [str(known) for known in self.columns]
        if not texts:
            raise DataError(f"split needs the column {name!r}, but this data comes from no table.")
        raise DataError(
            f"split needs the column {name!r}, which the table has not."
            f"{did_you_mean(str(name), texts)} Its columns are: {', '.join(texts)}."
        )


def check_one_way(**others: object) -> None:
    """Raise DataError when ``split`` and another way to divide samples were both given."""
    for option, value in others.items():
        if value is not None:
            shown = f"={value:g}" if isinstance(value, float) else ""
            raise DataError(f"split and {option}{shown} were both given: give one.")


Split: TypeAlias = Callable[[Samples], Indices] | tuple[Sequence[int], Sequence[int]]


def divided(samples: Samples, split: Split) -> Indices:
    """Return the indices for training and for validation that ``split`` gives, checked.

    Args:
        samples: what is divided.
        split: a pair of indices, or a function of `Samples` that returns one.

    Raises:
        DataError: when it is no such pair, an index is out of range, twice or on both sides, or a
            side is empty.
    """
    pair: object = split(samples) if callable(split) else split
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        how = "returned" if callable(split) else "is"
        raise DataError(
            "split must be a pair of indices (train, valid), or a function of the samples that "
            f"returns one, such as stratified_splitter(0.2): it {how} {_shown(pair)}."
        )
    sides = [_indices(side, name, samples.n) for side, name in zip(pair, _SIDES, strict=True)]
    both = np.intersect1d(*sides)
    if len(both):
        raise DataError(
            f"split puts {len(both)} samples on both sides, the first is {_name(samples, both[0])}."
        )
    return sides[0], sides[1]


def split_name(split: Split) -> str:
    """Say in words how a split was made."""
    if not callable(split):
        return "by the indices given"
    name = getattr(split, "__name__", type(split).__name__)
    return str(getattr(split, "words", "")) or f"by {name}"


_SIDES = ("training", "validation")


def _indices(side: Any, name: str, n: int) -> Any:
    try:
        found = np.asarray(side)
    except ValueError:
        found = np.empty(0, dtype=object)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise DataError(f"split must give whole numbers for {name}: found {_shown(side)}.")
    if not found.size:
        raise DataError(f"split leaves no samples for {name}.")
    if found.min() < 0 or found.max() >= n:
        bad = found.min() if found.min() < 0 else found.max()
        raise DataError(
            f"split gives index {bad} for {name}, but the {n} samples are 0 to {n - 1}."
        )
    distinct = np.unique(found).astype(np.int64)
    if len(distinct) < len(found):
        raise DataError(f"split gives {len(found) - len(distinct)} indices twice for {name}.")
    return distinct


def _name(samples: Samples, index: int) -> str:
    return f"sample {index}" if samples.names is None else samples.names[index]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"a {type(value).__name__}"
