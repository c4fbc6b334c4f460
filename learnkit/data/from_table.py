"""A table of numbers as arrays: columns to learn from, and one or several to predict.

For tables that are numbers and nothing else. Names, gaps and dates are for
`learnkit.data.tabular`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from learnkit.data.labels import is_missing
from learnkit.data.table import Column, DataFrameLike, Table, as_table, held_out_flags
from learnkit.errors import DataError

Columns: TypeAlias = Column | Sequence[Column]
TableTask: TypeAlias = Literal["classification", "regression"]

_LARGEST = float(np.finfo(np.float32).max)
_ADVICE = "TabularDataBunch.from_df fills gaps and codes names; x_cols= takes some columns only."


class TableArrays(NamedTuple):
    """What a table holds for training.

    Attributes:
        x: float32 (N, columns).
        y: labels (N,), or values float32 (N, K).
        held_out: whether each row is for validation; None where no column says so.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[Any]
    held_out: npt.NDArray[np.bool_] | None

    def parts(self) -> tuple[tuple[Any, Any], tuple[Any, Any] | None]:
        """Return ``(x, y)`` to train on, and to validate on where a column says which."""
        if self.held_out is None:
            return (self.x, self.y), None
        kept = ~self.held_out
        return (self.x[kept], self.y[kept]), (self.x[self.held_out], self.y[self.held_out])


def read_numbers(
    df: DataFrameLike | Mapping[Any, Sequence[Any]],
    y_cols: Columns,
    *,
    x_cols: Sequence[Column] | None = None,
    valid_col: Column | None = None,
    task: TableTask | None = None,
) -> TableArrays:
    """Read a table of numbers.

    Args:
        df: a DataFrame (pandas, polars) or a dict of columns.
        y_cols: what is predicted: one column, or several of values.
        x_cols: what is learned from; by default all others.
        valid_col: the column that says True or 1 for validation.
        task: what one column of ``y_cols`` is; by default values where it holds fractions, else
            classes.

    Raises:
        DataError: for a missing column, naming the nearest; for a cell that holds no number,
            naming column and row; for a column that is both in x and y.
    """
    if task not in (None, "classification", "regression"):
        raise DataError(f"task must be 'classification', 'regression' or None; found {task!r}.")
    table = as_table(df)
    targets = list(y_cols) if not isinstance(y_cols, str | int) else [y_cols]
    if not targets:
        raise DataError("from_df needs y_cols, the column to predict; found none.")
    y_names = [_name(table, column, "y_cols") for column in targets]
    taken = set(y_names) if valid_col is None else {*y_names, _name(table, valid_col, "valid_col")}
    if x_cols is None:
        x_names = [name for name in table.columns if name not in taken]
    else:
        x_names = [_name(table, column, "x_cols") for column in x_cols]
    both = [name for name in x_names if name in taken]
    if both:
        raise DataError(f"Column {both[0]!r} is in x_cols, and in y_cols or valid_col as well.")
    if not x_names:
        raise DataError(f"{table.title} has no columns to learn from besides {y_names}.")
    x = np.stack([_numbers(table, name) for name in x_names], axis=1).astype(np.float32)
    held = None if valid_col is None else np.array(held_out_flags(table, valid_col))
    return TableArrays(x, _targets(table, y_names, task), held)


def _targets(table: Table, names: Sequence[Any], task: TableTask | None) -> npt.NDArray[Any]:
    if len(names) > 1 and task == "classification":
        raise DataError(
            f"One column holds the classes; y_cols names {len(names)}: {list(names)}. Several "
            "columns are values to predict."
        )
    if len(names) > 1 or task == "regression" or (task is None and _has_fractions(table, names[0])):
        return np.stack([_numbers(table, name) for name in names], axis=1).astype(np.float32)
    for row, value in zip(table.rows, table.columns[names[0]], strict=True):
        if is_missing(value):
            raise DataError(
                f"{table.title}, {row} has no label (column {names[0]!r}). Fill it in, or remove "
                "the row."
            )
    values = table.columns[names[0]]
    whole = all(isinstance(value, int | np.integer) for value in values)
    return np.asarray(values) if whole else np.asarray([str(value) for value in values])


def _has_fractions(table: Table, name: Any) -> bool:
    return any(isinstance(value, float | np.floating) for value in table.columns[name])


def _numbers(table: Table, name: Any) -> npt.NDArray[np.float64]:
    """Return a column as numbers; DataError names the first cell that holds none."""
    numbers = np.empty(len(table.rows))
    for place, value in enumerate(table.columns[name]):
        if is_missing(value):
            raise DataError(
                f"{table.title}, {table.rows[place]} has no number in column {name!r}. {_ADVICE}"
            )
        try:
            numbers[place] = float(value)
        except (TypeError, ValueError):
            raise DataError(
                f"{table.title}, {table.rows[place]} has {value!r} in column {name!r}, which is no "
                f"number. {_ADVICE}"
            ) from None
        if abs(numbers[place]) > _LARGEST:
            raise DataError(
                f"{table.title}, {table.rows[place]} has {value!r} in column {name!r}, which is "
                "infinite in float32. Correct it, or remove the row."
            )
    return numbers


def _name(table: Table, wanted: Column, option: str) -> Any:
    """Return a column's name, for its name or its place from 0."""
    table.column(wanted, option)
    return wanted if wanted in table.columns else list(table.columns)[int(wanted)]
