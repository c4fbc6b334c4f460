"""Columns of a Hugging Face dataset: as arrays to learn from, and by name for splitters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from learnkit.data.hf import HFDataset, HFParts, hf_classes, hf_labels, hf_values, label_column
from learnkit.data.labels import is_missing
from learnkit.errors import DataError
from learnkit.names import did_you_mean


class HFColumns(Mapping[Any, Sequence[Any]]):
    """The columns by name, each read when it is asked for: images would take all memory."""

    def __init__(self, part: HFDataset) -> None:
        self._part = part

    def __getitem__(self, name: Any) -> Sequence[Any]:
        if name not in self._part.column_names:
            raise KeyError(name)
        return hf_values(self._part, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._part.column_names)

    def __len__(self) -> int:
        return len(self._part.column_names)


class HFArrays(NamedTuple):
    """Both sides as arrays; ``valid`` is None where a part of ``train`` is to be held out."""

    train: tuple[Any, Any]
    valid: tuple[Any, Any] | None
    classes: tuple[str, ...] | None


def hf_arrays(parts: HFParts, y_col: str | None, x_cols: Sequence[str] | None) -> HFArrays:
    """Read columns of numbers.

    Args:
        parts: the splits.
        y_col: what is predicted; None finds the labels.
        x_cols: what is learned from; None takes every other column of numbers. One column of
            lists or arrays is x as it is; otherwise columns are stacked: x float32 (N, columns).

    Raises:
        DataError: for a missing column, naming the nearest; for a cell that is empty; where there
            are no columns of numbers, or rows of different lengths.
    """
    target = label_column(parts.train, y_col, option="y_col")
    columns = _inputs(parts.train, target, x_cols)
    sides = [
        None if part is None else (_stacked(part, columns, where), _targets(part, target, where))
        for part, where in zip((parts.train, parts.valid), parts.where, strict=True)
    ]
    assert sides[0] is not None  # for the type checker: there is always one to train on
    return HFArrays(sides[0], sides[1], hf_classes(parts.train, target))


def _inputs(part: HFDataset, target: str, wanted: Sequence[str] | None) -> list[str]:
    if wanted is None:
        found = [n for n, f in part.features.items() if n != target and _is_number(f)]
        if not found:
            raise DataError(
                f"No column besides {target!r} holds numbers: the dataset has "
                f"{', '.join(map(repr, part.column_names))}. ImageDataBunch.from_hf takes images, "
                "TextDataBunch.from_hf texts."
            )
        return found
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in part.column_names:
            raise DataError(
                f"The dataset has no column {name!r} (option x_cols)."
                f"{did_you_mean(name, part.column_names)} Its columns are: "
                f"{', '.join(part.column_names)}."
            )
    if not names or target in names:
        raise DataError(f"x_cols must name columns other than {target!r}: found {wanted!r}.")
    return names


def _is_number(feature: Any) -> bool:
    while getattr(feature, "dtype", None) in (None, "list") and hasattr(feature, "feature"):
        feature = feature.feature  # of a list
    if type(feature).__name__ == "ClassLabel":
        return False
    return str(getattr(feature, "dtype", "")).startswith(("int", "uint", "float", "bool"))


def _stacked(part: HFDataset, columns: list[str], where: str) -> Any:
    values = [_filled(part, name, where) for name in columns]
    if len(columns) == 1 and hasattr(values[0][0], "__len__"):
        return values[0]
    for name, column in zip(columns, values, strict=True):
        if hasattr(column[0], "__len__"):
            raise DataError(
                f"Column {name!r} holds lists, which cannot be put beside other columns. Name it "
                "alone in x_cols=."
            )
    return np.stack([np.asarray(column) for column in values], axis=1).astype(np.float32)


def _filled(part: HFDataset, name: str, where: str) -> list[Any]:
    values = hf_values(part, name)
    for row, value in enumerate(values):
        if value is None:
            raise DataError(
                f"Row {row} (counted from 0) of {where} has nothing in column {name!r}. Fill it "
                "in, or take such rows out with dataset.filter."
            )
    return values


def _targets(part: HFDataset, target: str, where: str) -> Any:
    if hf_classes(part, target) is not None:
        return hf_labels(part, target, where)
    values = hf_values(part, target)
    for row, value in enumerate(values):
        if is_missing(value):
            raise DataError(
                f"Row {row} (counted from 0) of {where} has no target: column {target!r} is "
                f"{value!r}. Take such rows out with dataset.filter."
            )
    return np.asarray(values)
