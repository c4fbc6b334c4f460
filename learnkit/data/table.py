"""Read files, labels and the split from a table: a CSV file or any DataFrame.

pandas is not needed: a table is anything with ``columns`` and ``table[column]`` (pandas, polars),
or a mapping from column to values.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from learnkit.data.csv_rows import csv_rows
from learnkit.data.labels import is_missing
from learnkit.errors import DataError
from learnkit.names import did_you_mean

Column = str | int


class DataFrameLike(Protocol):
    """What is used of a DataFrame."""

    @property
    def columns(self) -> Iterable[Any]:
        """The columns' names."""

    def __getitem__(self, key: Any, /) -> Any:
        """One column's values."""


class Table(NamedTuple):
    """Columns of equal length.

    Attributes:
        title: what a message calls the table.
        columns: name to values, in order.
        rows: what a message calls each row.
    """

    title: str
    columns: dict[Any, list[Any]]
    rows: Sequence[str]

    def column(self, wanted: Column, option: str) -> list[Any]:
        """Return one column by name, or by position from 0.

        Raises:
            DataError: naming the nearest column.
        """
        names = list(self.columns)
        if wanted in self.columns:
            return self.columns[wanted]
        if isinstance(wanted, int) and not isinstance(wanted, bool) and 0 <= wanted < len(names):
            return self.columns[names[wanted]]
        texts = [str(name) for name in names]
        raise DataError(
            f"{self.title} has no column {wanted!r} (option {option})."
            f"{did_you_mean(str(wanted), texts)} Its columns are: {', '.join(texts) or 'none'}."
        )


class Rows(NamedTuple):
    """What a table says of each image; ``held_out`` is None where no column tells the split."""

    files: list[str]
    labels: list[str]
    held_out: list[bool] | None


def read_csv(
    path: Path,
    *,
    delimiter: str,
    header: bool,
    quotes: bool | None = None,
    skipinitialspace: bool = False,
) -> Table:
    """Read a CSV file as text; blank lines are left out. Warns of rows that a quote swallowed.

    Args:
        path: the file.
        delimiter: between cells.
        header: whether the first line names the columns.
        quotes: whether a cell that begins with ``"`` goes on to the next one, over delimiters and
            line ends; False takes every sign as it is. None is True where the user cannot say.
        skipinitialspace: whether a quote may follow a space.

    Raises:
        DataError: when it is missing, empty, not UTF-8, a quote is not closed, or a line is longer
            than the first.
    """
    if not path.is_file():
        beside = [entry.name for entry in path.parent.glob("*.csv")]
        raise DataError(f"Table {path} does not exist.{did_you_mean(path.name, beside)}")
    lines = csv_rows(path, delimiter, quotes=quotes, skipinitialspace=skipinitialspace)
    if len(lines) < 1 + header:
        raise DataError(f"Table {path} has no rows.")
    first = lines[0][1]
    names: list[Any] = [c.strip() for c in first] if header else list(range(len(first)))
    body = lines[1:] if header else lines
    for number, cells in body:
        if len(cells) > len(names):
            raise DataError(
                f"Table {path}, line {number} has {len(cells)} cells, but the first line has "
                f"{len(names)}. Quote cells that hold {delimiter!r}, or pass another delimiter=."
            )
    columns = {
        name: [_cell(cells[place]) if place < len(cells) else "" for _, cells in body]
        for place, name in enumerate(names)
    }
    return Table(f"Table {path}", columns, [f"line {number}" for number, _ in body])


def _cell(text: str) -> str:
    text = text.strip()
    return "" if text.casefold() == "nan" else text


def as_table(
    df: "DataFrameLike | Mapping[Any, Sequence[Any]]", *, title: str = "The table"
) -> Table:
    """Read a DataFrame, or a mapping from column to values.

    Raises:
        DataError: when it is neither, or has no rows.
    """
    if isinstance(df, Mapping):
        columns = {name: list(values) for name, values in df.items()}
    elif hasattr(df, "columns"):
        columns = {name: list(df[name]) for name in df.columns}
    else:
        raise DataError(f"from_df needs a DataFrame, found {type(df).__name__}.")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise DataError(f"{title}'s columns differ in length: {sorted(lengths)}.")
    n = lengths.pop() if lengths else 0
    if n == 0:
        raise DataError(f"{title} has no rows.")
    return Table(title, columns, [f"row {i} (counted from 0)" for i in range(n)])


def read_rows(
    table: Table,
    *,
    fn_col: Column,
    label_col: Column,
    valid_col: Column | None,
    folder: str | os.PathLike[str] | None,
    suffix: str,
) -> Rows:
    """Read the files, labels and split of a table.

    Raises:
        DataError: for a missing column, naming the nearest; for a row without a file or label,
            naming the row.
    """
    files = file_names(table, fn_col, folder=folder, suffix=suffix)
    labels = filled(table, label_col, "label_col", "label")
    held_out = None if valid_col is None else held_out_flags(table, valid_col)
    return Rows(files, labels, held_out)


def file_names(
    table: Table, wanted: Column, *, folder: str | os.PathLike[str] | None, suffix: str
) -> list[str]:
    """Return a column of files below ``folder``; DataError names a row that has none."""
    prefix = f"{Path(folder).as_posix()}/" if folder is not None and str(folder) else ""
    names = filled(table, wanted, "fn_col", "file name")
    return [_under(prefix, name + suffix) for name in names]


def _under(prefix: str, name: str) -> str:
    return name if Path(name).is_absolute() else prefix + name


def filled(table: Table, wanted: Column, option: str, noun: str) -> list[str]:
    """Return a column as texts; DataError names the first row that has nothing there."""
    values = table.column(wanted, option)
    for row, value in zip(table.rows, values, strict=True):
        if is_missing(value):
            raise DataError(
                f"{table.title}, {row} has no {noun} (column {wanted!r}). "
                "Fill it in, or remove the row."
            )
    return [str(value) for value in values]


def held_out_flags(table: Table, wanted: Column) -> list[bool]:
    """Return whether each row is for validation; DataError names what says neither."""
    words = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    flags: list[bool] = []
    for row, value in zip(table.rows, table.column(wanted, "valid_col"), strict=True):
        flag = words.get(str(value).strip().casefold())
        if flag is None:
            raise DataError(
                f"{table.title}, {row} has {str(value)!r} in column {wanted!r}, which must say "
                "True or 1 for validation, False or 0 for training."
            )
        flags.append(flag)
    for flag, noun in ((False, "training"), (True, "validation")):
        if flag not in flags:
            raise DataError(
                f"{table.title} has no {noun} rows: column {wanted!r} is {not flag} in all of them."
            )
    return flags


def check_files(root: Path, names: Sequence[str], *, listed_in: str) -> None:
    """Raise DataError naming the first few files that do not exist."""
    distinct = dict.fromkeys(names)
    missing = [name for name in distinct if not (root / name).is_file()]
    if not missing:
        return
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    first = missing[0]
    suffixes = (".jpg", ".png", ".jpeg", ".JPG")
    found = next((s for s in suffixes if (root / (first + s)).is_file()), None)
    hint = f" Did you mean suffix={found!r}?" if found else ""
    raise DataError(
        f"{len(missing)} of the {len(distinct)} files named in {listed_in} "
        f"{'does' if len(missing) == 1 else 'do'} not exist in {root}: "
        f"{shown}.{hint}"
    )
