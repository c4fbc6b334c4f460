"""A CSV file as a table: with or without a header, its words for a missing value blanked."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from learnkit.data.table import Table, read_csv
from learnkit.data.tabular.cells import MAX_LETTERS
from learnkit.errors import DataError

NA_VALUES: Final = ("?", "NA", "N/A", "NULL", "null")
MAX_NA: Final = 10_000


def read_table(
    path: str | os.PathLike[str],
    *,
    delimiter: str = ",",
    names: Sequence[str] | None = None,
    skipinitialspace: bool = False,
    na_values: Sequence[str] = NA_VALUES,
) -> Table:
    """Read a CSV file as text. Spaces round a cell do not count; blank lines are left out.

    Args:
        path: the file, UTF-8.
        delimiter: between cells.
        names: of the columns, for a file whose first line is a row; by default that names them.
        skipinitialspace: whether a quote may follow a space: ``1, "a, b"`` has two cells.
        na_values: cells that say that nothing is known, besides empty ones and ``nan``.

    Raises:
        DataError: when it is missing, empty, not UTF-8, has two columns of one name, or another
            number of columns than ``names``.
    """
    file = Path(path)
    table = read_csv(
        file, delimiter=delimiter, header=names is None, skipinitialspace=skipinitialspace
    )
    if names is None:
        _check_header(file, delimiter, skipinitialspace)
        columns = dict(table.columns)
    else:
        columns = _named(table, list(names))
    return blanked(table._replace(columns=columns), na_words(na_values))


def na_words(na_values: Sequence[str]) -> tuple[str, ...]:
    """Return ``na_values=`` as different words.

    Raises:
        DataError: when there are many, or one is long: an export keeps them.
    """
    listed = (na_values,) if isinstance(na_values, str) else na_values
    found = tuple(dict.fromkeys(map(str, listed)))
    if len(found) > MAX_NA or any(len(word) > MAX_LETTERS for word in found):
        raise DataError(
            f"na_values has at most {MAX_NA:,} words of at most {MAX_LETTERS:,} letters."
        )
    return found


def blanked(table: Table, na_values: Sequence[str]) -> Table:
    """Return a table whose cells are empty where they hold one of some words."""
    if not na_values:
        return table
    blanks = frozenset(na_values)
    columns = {
        name: ["" if isinstance(cell, str) and cell.strip() in blanks else cell for cell in cells]
        for name, cells in table.columns.items()
    }
    return table._replace(columns=columns)


def _named(table: Table, names: list[str]) -> dict[str, list[str]]:
    if len(names) != len(table.columns):
        raise DataError(
            f"{table.title} has {len(table.columns)} cells in a line, but names= has {len(names)}. "
            "Is the delimiter= right?"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"names= has {twice!r} more than once.")
    return dict(zip(names, table.columns.values(), strict=True))


def _check_header(path: Path, delimiter: str, skipinitialspace: bool) -> None:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, delimiter=delimiter, skipinitialspace=skipinitialspace)
        header = next(cells for cells in lines if any(cell.strip() for cell in cells))
    names = [name.strip() for name in header]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"Table {path} has two columns named {twice!r}. Rename one in the first line, or pass "
            "names=[...] if that line is a row."
        )
