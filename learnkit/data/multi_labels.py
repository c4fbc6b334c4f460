"""Several labels for each photo, or none: from the cells of a table to yes or no for each label.

Knows no files and no model.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from learnkit.data.labels import is_missing, names_of_classes, sorted_classes
from learnkit.data.table import Column, Table
from learnkit.errors import DataError
from learnkit.names import did_you_mean


class LabelSets(NamedTuple):
    """Which labels hold.

    Attributes:
        held: bool (N, K).
        classes: the names of the K labels.
    """

    held: npt.NDArray[np.bool_]
    classes: tuple[str, ...]


def read_label_sets(
    table: Table, wanted: Column, *, delim: str | None, given: Sequence[object] | None
) -> LabelSets:
    """Read a column of labels.

    Args:
        table: the table; a cell of the column holds labels between ``delim``, or a list of labels.
            An empty cell, None, NaN or an empty list is a sample without any label.
        wanted: the column.
        delim: the sign between labels; None where cells are lists.
        given: the user's ``classes=``; by default all labels found, sorted.

    Raises:
        DataError: for a label that is not in ``given``, naming the row and the nearest; for a text
            where a list was expected; when there is no label at all.
    """
    cells = table.column(wanted, "label_col")
    listed = cut_labels(table, cells, delim)
    if given is not None:
        classes = names_of_classes(given)
    else:
        classes = sorted_classes(label for labels in listed for label in labels)
    if not classes:
        raise DataError(f"{table.title} has no label in any row (column {wanted!r}).")
    place = {name: index for index, name in enumerate(classes)}
    held = np.zeros((len(listed), len(classes)), dtype=bool)
    for number, labels in enumerate(listed):
        for label in labels:
            if label not in place:
                _refuse(table, number, label, classes)
            held[number, place[label]] = True
    return LabelSets(held, classes)


def is_label_list(cell: object) -> bool:
    """Say whether a cell is a list of labels: a list, tuple, set or array, and no text."""
    return isinstance(cell, Iterable) and not isinstance(cell, str | bytes)


def cut_labels(table: Table, cells: Sequence[Any], delim: str | None) -> list[list[str]]:
    """Return the labels of each cell; see `read_label_sets`.

    Raises:
        DataError: for a text where a list was expected, naming the row.
    """
    return [_labels(table, row, cell, delim) for row, cell in zip(table.rows, cells, strict=True)]


def _labels(table: Table, row: str, cell: Any, delim: str | None) -> list[str]:
    if is_label_list(cell):
        return [str(label).strip() for label in cell if not is_missing(label)]
    if is_missing(cell):
        return []
    if delim is None:
        raise DataError(
            f"{table.title}, {row} has {str(cell)!r} where a list of labels is expected: write "
            f"[{str(cell)!r}], or say by label_delim=' ' what is between the labels of a text."
        )
    return [label.strip() for label in str(cell).split(delim) if label.strip()]


def _refuse(table: Table, number: int, label: str, classes: tuple[str, ...]) -> NoReturn:
    raise DataError(
        f"{table.title}, {table.rows[number]} has the label {label!r}, which is not in "
        f"classes={list(classes)}.{did_you_mean(label, classes)} Name it there, or take it out."
    )
