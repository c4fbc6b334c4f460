"""The cells of one column as numbers, words or dates, or a sentence that says which cell is wrong.

Knows no statistics and no model.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from numbers import Real
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np

from learnkit.data.labels import is_missing
from learnkit.data.table import Table
from learnkit.errors import DataError
from learnkit.randomness import FloatArray

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.I)
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
R = TypeVar("R")

_PLAIN: Final = {int, float, bool}
MAX_LETTERS: Final = 1_000  # of a category, and of a column's name; an export reads no longer ones


class Cells(NamedTuple):
    """One column.

    Attributes:
        name: the column's.
        values: one for each row.
        rows: what a message calls each row.
        title: what a message calls the table.
    """

    name: str
    values: Sequence[Any]
    rows: Sequence[str]
    title: str

    @classmethod
    def of(cls, table: Table, name: str) -> "Cells":
        """Take one column of a table whose names are texts."""
        return cls(name, table.columns[name], table.rows, table.title)

    def wrong(self, place: int, what: str) -> DataError:
        """Return the error for one cell."""
        return DataError(
            f"{self.title}, {self.rows[place]} has {_shown(self.values[place])} in the column "
            f"{self.name!r}, {what}"
        )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def as_number(value: Any) -> float:
    """Return a cell as a number, NaN where it is missing.

    Raises:
        ValueError: when it is no number.
    """
    if is_missing(value):
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text.casefold() == "nan":
            return math.nan
        if _NUMBER.fullmatch(text) is None:
            raise ValueError(text)
        return float(text)
    if not isinstance(value, Real | Decimal | np.bool_):
        raise ValueError(value)
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all floats
        return math.inf


def has_thousands(value: object) -> bool:
    """Whether a cell is a number written as ``"1,234"``."""
    return isinstance(value, str) and _THOUSANDS.fullmatch(value.strip()) is not None


def numbers(cells: Cells) -> FloatArray:
    """Return a column as float64 (N,), NaN where a cell is missing.

    Raises:
        DataError: naming the first cell that is no number, or infinite.
    """
    if set(map(type, cells.values)) <= _PLAIN:
        try:
            found = np.array(cells.values, dtype=np.float64)
        except OverflowError:
            found = np.array([as_number(value) for value in cells.values])
    else:
        found = np.array(_by_value(cells, _number_at), dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(found))
    if len(infinite):
        raise cells.wrong(
            int(infinite[0]), "which is infinite. Give a number, or nothing where it is missing."
        )
    return found


def _number_at(cells: Cells, place: int) -> float:
    value = cells.values[place]
    try:
        return as_number(value)
    except ValueError:
        pass
    if has_thousands(value):
        plain = value.strip().replace(",", "")
        raise cells.wrong(place, f"a number with commas in it. Write it as {plain}.")
    raise cells.wrong(
        place,
        "whose values are numbers. Correct the cell, leave it empty, or name the column in "
        "cat_cols.",
    )


def words(cells: Cells) -> list[str | None]:
    """Return a column as texts, None where a cell is missing; 3.0 is ``"3"``.

    Raises:
        DataError: naming the first cell that holds a list or some other object, or a long text.
    """
    return _by_value(cells, _word_at)


def _by_value(cells: Cells, read: Callable[[Cells, int], R]) -> list[R]:
    """Read each cell; of texts, each different one only once."""
    if set(map(type, cells.values)) != {str}:
        return [read(cells, place) for place in range(len(cells.values))]
    first: dict[str, int] = {}
    for place, value in enumerate(cells.values):
        first.setdefault(value, place)
    found = {value: read(cells, place) for value, place in first.items()}
    return [found[value] for value in cells.values]


def _word_at(cells: Cells, place: int) -> str | None:
    value = cells.values[place]
    if is_missing(value):
        return None
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, float | np.floating) and float(value).is_integer():
        text = str(int(value))
    elif isinstance(value, Real | Decimal | np.bool_ | date | np.datetime64):
        text = str(value)
    else:
        raise cells.wrong(place, f"which is no text or number but a {type(value).__name__}.")
    if len(text) > MAX_LETTERS:
        raise cells.wrong(
            place,
            f"which has {len(text):,} letters; a category has at most {MAX_LETTERS:,}. "
            "Leave the column out: drop_cols.",
        )
    return text


def as_date(value: Any) -> datetime | None:
    """Return a cell as a date, None where it is missing.

    Raises:
        ValueError: when it is no date, nor text in ISO 8601 form.
    """
    if is_missing(value):
        return None
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str):
        return datetime.fromisoformat(value.strip())
    raise ValueError(value)


def dates(cells: Cells) -> list[datetime | None]:
    """Return a column as dates, None where a cell is missing.

    Raises:
        DataError: naming the first cell that is no date.
    """
    found = []
    for place, value in enumerate(cells.values):
        try:
            found.append(as_date(value))
        except ValueError:
            raise cells.wrong(
                place,
                "whose values are dates. Give dates, or texts such as 2026-01-31 "
                "(pandas.to_datetime reads other forms).",
            ) from None
    return found


def present(values: Sequence[Any]) -> tuple[list[Any], int]:
    """Return the cells that are not missing, of texts each different one once, and their number."""
    if set(map(type, values)) != {str}:
        found = [value for value in values if not is_missing(value)]
        return found, len(found)
    counts = {text: n for text, n in Counter(values).items() if not is_missing(text)}
    return list(counts), sum(counts.values())
