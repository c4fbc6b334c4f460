"""All that is learned from a table's training rows, and the tensor it makes of any table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import torch
from torch import Tensor

from learnkit.data.table import Table
from learnkit.data.tabular.category import MISSING, Category
from learnkit.data.tabular.cells import Cells
from learnkit.data.tabular.dates import CATEGORY_PARTS, NUMBER_PARTS, part_names, with_parts
from learnkit.data.tabular.kinds import ColumnKinds
from learnkit.data.tabular.number import Number
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.names import did_you_mean

MAX_NAME: Final = 200  # letters
_FLAG_WORDS: Final = ("False", "True")


@dataclass(frozen=True)
class Process:
    """How rows become x. A pure function of the training rows, whatever their order.

    x holds the codes of ``categories``, then of the flags (which cells were missing: 1 no, 2 yes),
    then the ``numbers``, normalised.

    Attributes:
        categories: columns of words; those that dates gave last.
        numbers: columns of numbers; those that dates gave last.
        dates: the columns that become several.
        ignored: columns of the training table that are not used, its targets among them.
        whole: x is int64, for a table of categories alone.
    """

    categories: tuple[Category, ...]
    numbers: tuple[Number, ...]
    dates: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    whole: bool = False

    @classmethod
    def learn(cls, table: Table, kinds: ColumnKinds, *, whole: bool = False) -> "Process":
        """Learn from a table of training rows.

        Raises:
            DataError: naming the cell that does not fit its column; for a column that is named
                as the flags of another.
        """
        used = (*kinds.categories, *kinds.numbers, *kinds.dates)
        made = with_parts(_only(table, used), kinds.dates)
        categories = (*kinds.categories, *part_names(kinds.dates, CATEGORY_PARTS))
        from_dates = part_names(kinds.dates, NUMBER_PARTS)
        elapsed = {name for name in from_dates if name.endswith("Elapsed")}  # one flag for a date
        numbers = tuple(
            Number.learn(
                Cells.of(made, name),
                log=name in kinds.logs,
                may_flag=name not in from_dates or name in elapsed,
            )
            for name in (*kinds.numbers, *from_dates)
        )
        _check_flags(table.title, categories, numbers)
        return cls(
            categories=tuple(Category.learn(Cells.of(made, name)) for name in categories),
            numbers=numbers,
            dates=kinds.dates,
            ignored=tuple(map(str, kinds.ignored)),
            whole=whole,
        )

    @cached_property
    def flags(self) -> tuple[Category, ...]:
        """The columns that tell which numbers were missing."""
        flagged = (number for number in self.numbers if number.flagged)
        return tuple(Category(number.flag_name, _FLAG_WORDS) for number in flagged)

    @property
    def coded(self) -> tuple[Category, ...]:
        """All columns of codes, in the order of x."""
        return (*self.categories, *self.flags)

    @property
    def width(self) -> int:
        """Columns of x."""
        return len(self.coded) + len(self.numbers)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The columns that a row must have."""
        made = {
            *part_names(self.dates, CATEGORY_PARTS),
            *part_names(self.dates, NUMBER_PARTS),
        }
        names = [c.name for c in self.categories] + [n.name for n in self.numbers]
        return (*(name for name in names if name not in made), *self.dates)

    def x(self, table: Table) -> Tensor:
        """Return float32 (N, width): codes, then numbers; int64 where ``whole``.

        A missing cell gets code 0, or a column's median; a word that training did not see code 0.

        Raises:
            DataError: naming the column that is missing, or the cell that does not fit.
        """
        for name in self.sources:
            if name not in table.columns:
                raise DataError(
                    f"{table.title} has no column {name!r}, which the training rows have."
                    f"{did_you_mean(name, table.columns)} Its columns are: "
                    f"{', '.join(table.columns)}."
                )
        made = with_parts(_only(table, self.sources), self.dates)
        columns = [category.codes(Cells.of(made, category.name)) for category in self.categories]
        pairs = [number.normalised(Cells.of(made, number.name)) for number in self.numbers]
        columns += [
            1 + gaps.astype(np.int64)
            for number, (_, gaps) in zip(self.numbers, pairs, strict=True)
            if number.flagged
        ]
        if self.whole:
            return torch.from_numpy(np.stack(columns, axis=1))
        both = [*columns, *(values for values, _ in pairs)]
        return torch.from_numpy(np.stack([column.astype(np.float32) for column in both], axis=1))

    def decoded(self, x: Tensor) -> dict[str, str]:
        """Return one row of x as words and numbers, by column; flagged gaps as missing."""
        values = [float(value) for value in x]
        words = {
            column.name: column.word(int(code))
            for column, code in zip(self.coded, values, strict=False)
        }
        texts = {name: word for name, word in words.items() if name not in self._flag_names}
        for number, value in zip(self.numbers, values[len(self.coded) :], strict=True):
            missing = number.flagged and words[number.flag_name] == "True"
            texts[number.name] = MISSING if missing else number.text(value)
        return texts

    @cached_property
    def _flag_names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.flags)

    def warn_of_constants(self, title: str, names: Iterable[str]) -> None:
        """Say which of the named columns have one value in all training rows."""
        asked = set(names)
        columns: list[Category | Number] = [*self.categories, *self.numbers]
        flat = [column.name for column in columns if column.name in asked and _is_constant(column)]
        if flat:
            warn_user(
                f"{title}: {', '.join(map(repr, flat))} "
                f"{'has' if len(flat) == 1 else 'have'} one value in all training rows, from "
                "which nothing can be learned. Name other columns, or look at the split."
            )


def _check_flags(title: str, categories: Sequence[str], numbers: Sequence[Number]) -> None:
    for number in numbers:
        if number.flagged and number.flag_name in categories:
            raise DataError(
                f"{title} has gaps in the column of numbers {number.name!r}, which a column "
                f"{number.flag_name!r} is to tell of, and another of that name. Rename or drop it: "
                f"drop_cols=[{number.flag_name!r}]."
            )


def _only(table: Table, names: Sequence[str]) -> Table:
    """Leave out what is not used, whose names dates may then have for their parts."""
    return table._replace(columns={name: table.columns[name] for name in names})


def _is_constant(column: Category | Number) -> bool:
    if isinstance(column, Category):
        return len(column.words) < 2
    return not column.flagged and column.mean == column.fill and column.std == 1.0


def take(table: Table, places: Iterable[int]) -> Table:
    """Return some rows of a table, in the order of ``places``."""
    listed = list(places)
    columns = {name: [values[i] for i in listed] for name, values in table.columns.items()}
    return Table(table.title, columns, [table.rows[i] for i in listed])


def with_text_names(table: Table) -> Table:
    """Return a table whose columns are named by texts, as they are in an export.

    Raises:
        DataError: for two columns of one name, and for a name that is too long.
    """
    names = [str(name) for name in table.columns]
    check_names(names, table.title)
    return table._replace(columns=dict(zip(names, table.columns.values(), strict=True)))


def check_names(names: Sequence[str], title: str) -> None:
    """Raise DataError for two columns of one name, and for a name that is too long."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{title} has two columns named {twice!r}: rename one.")
    long = next((name for name in names if len(name) > MAX_NAME), None)
    if long is not None:
        raise DataError(
            f"{title} has a column name of {len(long)} letters, {long[:40]!r}...: shorten it to at "
            f"most {MAX_NAME}. Is the first line one of data? Then pass names=[...]."
        )
