"""Values and points of photos: from the cells of a table to numbers, K for each photo.

Knows no files and no model.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from learnkit.data.labels import is_missing
from learnkit.data.multi_labels import is_label_list
from learnkit.data.table import Column, Table
from learnkit.errors import DataError

_LARGEST = float(np.finfo(np.float32).max)


def read_values(
    table: Table, columns: Sequence[Column], files: Sequence[str], *, option: str
) -> npt.NDArray[np.float64]:
    """Read the numbers of each row: those of all ``columns``, one after the other.

    Args:
        table: the table; a cell holds a number, or several as a list or array of any shape.
        columns: which.
        files: of each row, for messages.
        option: what the user named the columns by.

    Returns:
        float64 (N, K).

    Raises:
        DataError: for a cell that is empty, no number or too large for float32, naming row, column
            and file; when rows hold different counts of numbers.
    """
    cells = [table.column(column, option) for column in columns]
    rows = [
        [
            number
            for column, values in zip(columns, cells, strict=True)
            for number in _numbers(values[place], table, place, column, files)
        ]
        for place in range(len(files))
    ]
    widths = [len(row) for row in rows]
    for place, width in enumerate(widths):
        if width != widths[0] or not width:
            raise DataError(
                f"{_where(table, place, files)} has {width} values, but the first row has "
                f"{widths[0]}: every photo needs the same, at least one."
            )
    return np.array(rows, dtype=np.float64)


def check_points(values: npt.NDArray[np.float64]) -> None:
    """Raise DataError unless there are x and y of each point."""
    if values.shape[1] % 2:
        raise DataError(
            f"Points need x and y of each, so an even number of values: found {values.shape[1]}. "
            "Name the columns in the order x1, y1, x2, y2."
        )


def point_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the points' names: ``("eye_x", "eye_y")`` and ``("x_eye", "y_eye")`` are an ``"eye"``.

    Empty unless every point has a name of its own.
    """
    pairs = zip(columns[::2], columns[1::2], strict=False)
    names = [_point_name(str(x), str(y)) for x, y in pairs]
    return tuple(names) if all(names) and len(set(names)) == len(names) else ()


def _point_name(x: str, y: str) -> str:
    ends = x[-1:].lower() == "x" and y[-1:].lower() == "y" and x[:-1] == y[:-1]
    starts = x[:1].lower() == "x" and y[:1].lower() == "y" and x[1:] == y[1:]
    return (x[:-1] if ends else x[1:] if starts else "").strip("_-. ")


def _numbers(
    cell: Any, table: Table, place: int, column: Column, files: Sequence[str]
) -> list[float]:
    if hasattr(cell, "numpy"):
        cell = cell.numpy(force=True)  # a torch tensor
    if isinstance(cell, np.ndarray):
        cell = cell.ravel().tolist()
    if is_label_list(cell):
        return [number for part in cell for number in _numbers(part, table, place, column, files)]
    return [_number(cell, table, place, column, files)]


def _number(cell: Any, table: Table, place: int, column: Column, files: Sequence[str]) -> float:
    def refuse(found: str) -> NoReturn:
        raise DataError(
            f"{_where(table, place, files)} has {found} in column {column!r}. Fill a number in, or "
            "remove the row."
        )

    if is_missing(cell):
        refuse("no value")
    try:
        number = float(cell)
    except (TypeError, ValueError):
        refuse(f"{cell!r}, which is no number,")
    if number != number:  # the text "nan"
        refuse("no value")
    if abs(number) > _LARGEST:
        refuse(f"{cell!r}, which is infinite in float32,")
    return number


def _where(table: Table, place: int, files: Sequence[str]) -> str:
    row = table.rows[place]
    return f"{table.title}, {row}" + ("" if row == files[place] else f" ({files[place]})")
