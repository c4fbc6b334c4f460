"""Which columns of a table are categories, numbers and dates: as named, or as their cells look."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from learnkit.data.table import Column, Table
from learnkit.data.tabular.cells import Cells, as_date, as_number, has_thousands, present, words
from learnkit.data.tabular.nearly import check_nearly, is_number
from learnkit.data.warn import warn_user
from learnkit.errors import DataError

ColumnKind: TypeAlias = Literal["category", "number", "date", "nothing"]

MOST_WHOLE: Final = 20  # different whole numbers that still are categories; fastai's max_card
_ROWS_EACH: Final = 5
_FEW_ROWS: Final = 20
_ISO_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d([ T].*)?")
_LEADING_ZERO: Final = re.compile(r"0\d+")


class ColumnKinds(NamedTuple):
    """The names of the columns of each kind, and of those that are not used."""

    categories: tuple[str, ...]
    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    logs: tuple[str, ...]
    ignored: tuple[str, ...]


def names_of(table: Table, given: Column | Iterable[Column] | None, option: str) -> list[str]:
    """Return the names of columns that were given by name or by place from 0.

    Raises:
        DataError: for a column that the table has not, naming the nearest, or one named twice.
    """
    listed = [given] if isinstance(given, str | int) else list(given or ())
    every = list(table.columns)
    found: list[str] = []
    for wanted in listed:
        table.column(wanted, option)
        found.append(str(wanted) if wanted in table.columns else every[int(wanted)])
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{option} names the column {twice!r} more than once.")
    return found


def choose_kinds(
    table: Table,
    *,
    cat_cols: Sequence[Column] | None,
    num_cols: Sequence[Column] | None,
    date_cols: Sequence[Column],
    log_cols: Sequence[Column],
    drop_cols: Sequence[Column],
    targets: Sequence[str],
) -> ColumnKinds:
    """Sort out the columns of the training rows.

    Raises:
        DataError: for a column that is not there or named for two things, for a target among the
            inputs, or when nothing is left to learn from.
    """
    named = {
        "cat_cols": names_of(table, cat_cols, "cat_cols"),
        "num_cols": names_of(table, num_cols, "num_cols"),
        "date_cols": names_of(table, date_cols, "date_cols"),
        "drop_cols": names_of(table, drop_cols, "drop_cols"),
    }
    logs = names_of(table, log_cols, "log_cols")
    _check_once(named, targets)
    taken = {name for names in named.values() for name in names}
    free = [name for name in table.columns if name not in taken and name not in targets]
    wanted = _Wanted(cat_cols is None, num_cols is None)
    if any(wanted):  # else nobody asks what the other columns hold
        kinds = {name: "number" if name in logs else _kind_of(table, name, wanted) for name in free}
    if wanted.categories:
        named["cat_cols"] += [name for name in free if kinds[name] == "category"]
    if wanted.numbers:
        named["num_cols"] += [name for name in free if kinds[name] == "number"]
    if all(wanted):
        named["date_cols"] += [name for name in free if kinds[name] == "date"]
        _warn_of_nothing(table, [name for name in free if kinds[name] == "nothing"])
    return _checked(table, named, logs)


class _Wanted(NamedTuple):
    """Which kinds are chosen by cells; dates and what tells nothing only where both are."""

    categories: bool
    numbers: bool


def _checked(table: Table, named: dict[str, list[str]], logs: list[str]) -> ColumnKinds:
    stray = next((name for name in logs if name not in named["num_cols"]), None)
    if stray is not None:
        raise DataError(f"log_cols names {stray!r}, which is no column of numbers.")
    used = [name for option in ("cat_cols", "num_cols", "date_cols") for name in named[option]]
    if not used:
        raise DataError(
            f"{table.title} has no column to learn from besides the target: name some in cat_cols "
            "or num_cols."
        )
    ignored = tuple(name for name in table.columns if name not in used)
    return ColumnKinds(
        tuple(named["cat_cols"]),
        tuple(named["num_cols"]),
        tuple(named["date_cols"]),
        tuple(logs),
        ignored,
    )


def _check_once(named: dict[str, list[str]], targets: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for option, names in named.items():
        for name in names:
            if name in targets and option != "drop_cols":
                raise DataError(
                    f"{option} names {name!r}, which is the target: the model would be given the "
                    "answer. Take it out of one of the two."
                )
            if name in seen:
                raise DataError(f"The column {name!r} is in {seen[name]} and in {option}.")
            seen[name] = option


def _kind_of(table: Table, name: str, wanted: _Wanted) -> ColumnKind:
    cells = Cells.of(table, name)
    values, n = present(cells.values)
    full = n == len(cells.values)
    if not values:
        return "nothing"
    if all(map(_is_date, values)):
        return "date"
    if all(wanted):
        check_nearly(cells, values, _is_date, "dates", "cat_cols")
    if not all(isinstance(value, bool) for value in values) and _are_numbers(cells, values):
        if len(set(map(as_number, values))) == 1 and full:
            return "nothing"
        return "category" if _are_few(values, n) else "number"
    if wanted.numbers and not _are_few(list(filter(is_number, values)), n):
        _check_numbers(cells, values)
    if not wanted.categories:
        return "nothing"
    seen = set(words(cells)) - {None}
    alone = len(seen) == n > _FEW_ROWS
    return "nothing" if alone or (len(seen) == 1 and full) else "category"


def _is_date(value: Any) -> bool:
    if isinstance(value, str) and _ISO_DAY.fullmatch(value.strip()) is None:
        return False
    try:
        return as_date(value) is not None
    except ValueError:
        return False


def _are_few(values: Sequence[Any], n: int) -> bool:
    """Whether numbers are few different whole ones, as a category has them."""
    different = set(map(as_number, values))
    whole = all(number.is_integer() for number in different)
    return whole and len(different) <= min(MOST_WHOLE, n // _ROWS_EACH)


def _are_codes(values: Sequence[Any]) -> bool:
    """Whether one begins with a zero, as 01234, so that all are words."""
    return any(isinstance(v, str) and _LEADING_ZERO.fullmatch(v.strip()) for v in values)


def _check_numbers(cells: Cells, values: Sequence[Any]) -> None:
    if not _are_codes(values):
        check_nearly(cells, values, is_number, "numbers", "cat_cols")


def _are_numbers(cells: Cells, values: Sequence[Any]) -> bool:
    """Whether all cells are numbers, or texts that are; codes such as 01234 are no numbers."""
    if _are_codes(values):
        return False
    commas = False
    for value in values:
        try:
            as_number(value)
        except ValueError:
            if not has_thousands(value):
                return False
            commas = True
    if commas:
        place = next(i for i, value in enumerate(cells.values) if has_thousands(value))
        raise cells.wrong(
            place,
            "a number with commas in it. Take them out of the column, or name it in cat_cols or "
            "drop_cols.",
        )
    return True


def _warn_of_nothing(table: Table, names: list[str]) -> None:
    if names:
        warn_user(
            f"{table.title}: nothing can be learned from {', '.join(map(repr, names))}, left out: "
            "in the training rows every cell is the same, missing, or a text of its own. "
            "drop_cols=[...] says so, cat_cols=[...] takes it all the same."
        )
