"""A column of dates as columns that a model can learn from, named as fastai's ``add_datepart``.

What comes round again (months, days of the week, ends of months) is a category, the rest a number.
"""

import calendar
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from learnkit.data.table import Table
from learnkit.data.tabular.cells import Cells, dates
from learnkit.errors import DataError

Part: TypeAlias = Callable[[datetime], float | bool]


def _is_month_end(day: datetime) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


def _elapsed(day: datetime) -> float:
    """Return seconds since 1970; a date without a zone counts as one of UTC."""
    return (day if day.tzinfo is not None else day.replace(tzinfo=UTC)).timestamp()


CATEGORY_PARTS: Final[dict[str, Part]] = {
    "Month": lambda day: day.month,
    "Dayofweek": lambda day: day.weekday(),  # Monday is 0
    "Is_month_end": _is_month_end,
    "Is_month_start": lambda day: day.day == 1,
    "Is_quarter_end": lambda day: day.month % 3 == 0 and _is_month_end(day),
    "Is_quarter_start": lambda day: day.month % 3 == 1 and day.day == 1,
    "Is_year_end": lambda day: (day.month, day.day) == (12, 31),
    "Is_year_start": lambda day: (day.month, day.day) == (1, 1),
}
NUMBER_PARTS: Final[dict[str, Part]] = {
    "Year": lambda day: day.year,
    "Week": lambda day: day.isocalendar().week,
    "Day": lambda day: day.day,
    "Dayofyear": lambda day: day.timetuple().tm_yday,
    "Elapsed": _elapsed,
}


def stem(name: str) -> str:
    """Return what the names of a column's parts begin with: ``sale`` for ``saledate``."""
    return re.sub("[Dd]ate$", "", name)


def part_names(names: Sequence[str], parts: dict[str, Part]) -> tuple[str, ...]:
    """Return the names of some parts of all date columns."""
    return tuple(stem(name) + part for name in names for part in parts)


def with_parts(table: Table, names: Sequence[str]) -> Table:
    """Return a table with the parts of its date columns; a missing date has missing parts.

    Raises:
        DataError: for a cell that is no date, or a part whose name another column has.
    """
    columns = dict(table.columns)
    for name in names:
        days = dates(Cells.of(table, name))
        for part, func in {**CATEGORY_PARTS, **NUMBER_PARTS}.items():
            made = stem(name) + part
            if made in columns:
                raise DataError(
                    f"{table.title} has a column {made!r}, and the dates in {name!r} would make "
                    "another of that name. Rename one of them."
                )
            columns[made] = _parts_of(days, func)
    return table._replace(columns=columns)


def _parts_of(days: Sequence[datetime | None], func: Part) -> list[Any]:
    return [None if day is None else func(day) for day in days]
