"""The rows of a CSV file, and what a stray quote did to them.

Python's parser takes a cell that begins with ``"`` on to the next ``"``, over any number of lines,
and to the end of the file where there is none.
"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from learnkit.data.warn import warn_user
from learnkit.errors import DataError

_ENDS: Final = ("\n", "\r")
CSVRow: TypeAlias = tuple[int, list[str]]  # the line where it ends, and its cells
_ALIKE: Final = 3  # lines in a cell that may look like rows by chance


def csv_rows(
    path: Path, delimiter: str, *, quotes: bool | None = None, skipinitialspace: bool = False
) -> list[CSVRow]:
    """Read the rows of a file; blank ones are left out.

    Args:
        path: the file, UTF-8.
        delimiter: between cells.
        quotes: see ``read_csv``.
        skipinitialspace: whether a quote may follow a space.

    Raises:
        DataError: when it is not UTF-8, or a quote that opens a cell over several lines is not
            closed, or not closed at the end of a cell, naming the line where its row begins.
    """
    dialect = _Dialect(delimiter, quotes is None or quotes, skipinitialspace)
    advice = "" if quotes is None else ", or pass quotes=False where it is a sign like any other"
    lines: list[CSVRow] = []
    swallowed: list[tuple[int, int]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for first, raw, cells in _records(file, dialect):
                if not any(cell.strip() for cell in cells):
                    continue
                last = first + len(raw) - 1
                if why := dialect.fault(raw, cells):
                    begin = _begin(path, first, last)
                    raise DataError(f'{begin}{why}. Close it, double each " within a cell{advice}.')
                if _look_like_rows(raw, delimiter, len(lines[0][1] if lines else cells)):
                    swallowed.append((first, last))
                lines.append((last, cells))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"Table {path} cannot be read as UTF-8 text with cells: {error}."
        ) from error
    if swallowed:
        _warn(path, swallowed, advice)
    return lines


class _Dialect(NamedTuple):
    delimiter: str
    quotes: bool
    skip: bool

    def rows(self, lines: Iterable[str], *, strict: bool = False) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE,
            skipinitialspace=self.skip,
            strict=strict,
        )

    def fault(self, raw: list[str], cells: list[str]) -> str:
        """Say what is wrong with a quote; of a row on one line, only that it never ends."""
        ended = raw[0].endswith(_ENDS) and not cells[-1].endswith(_ENDS)
        if not self.quotes or (len(raw) == 1 and ended):  # nearly every row
            return ""
        try:
            list(self.rows(raw, strict=True))
        except csv.Error as error:
            if "unexpected end" in str(error):
                return "the file ends before it does"
            return 'more text follows the " that ends it' if len(raw) > 1 else ""
        return ""


def _records(file: Iterable[str], dialect: _Dialect) -> Iterator[tuple[int, list[str], list[str]]]:
    """Give each row's first line, its lines as they stand in the file, and its cells."""
    raw: list[str] = []

    def kept() -> Iterator[str]:
        for line in file:
            raw.append(line)
            yield line

    first = 1
    for cells in dialect.rows(kept()):
        yield first, list(raw), cells
        first += len(raw)
        raw.clear()


def _look_like_rows(raw: list[str], delimiter: str, n_cells: int) -> bool:
    inner = raw[1:-1]
    return (
        n_cells > 1
        and len(inner) >= _ALIKE
        and all(line.count(delimiter) == n_cells - 1 for line in inner)
    )


def _begin(path: Path, first: int, last: int) -> str:
    on = f" and goes on to line {last}" if last > first else ""
    return f'Table {path}, line {first} has a cell that begins with a "{on}: '


def _warn(path: Path, swallowed: list[tuple[int, int]], advice: str) -> None:
    (first, last), more = swallowed[0], len(swallowed) - 1
    also = f" (and so in {more} more)" if more else ""
    warn_user(
        f"{_begin(path, first, last)}the {last - first - 1} lines between look like rows, "
        f'but are read as text of that cell{also}. Double each " within a cell{advice}, '
        "if they are rows."
    )
