"""Ratings of items by users as a DataBunch."""

# ruff: noqa: D417 - the options that both constructors share are described once, on the class

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from learnkit.data.bunch import DataBunch
from learnkit.data.samples import Split
from learnkit.data.table import Column
from learnkit.data.tabular.build import AnyTable, TableOptions, named_table
from learnkit.data.tabular.bunch import shown_rows
from learnkit.data.tabular.csv_table import NA_VALUES, read_table
from learnkit.data.tabular.inputs import TableInputs
from learnkit.data.tabular.kinds import names_of
from learnkit.data.tabular.show import print_table
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.tasks import Regression


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class CollabDataBunch(DataBunch):
    """A DataBunch of ratings: x int64 (B, 2), codes of user and item; y float32 (B,), ratings.

    Users and items are known by those of the training rows; code 0 is any other, so that a user
    of whom nothing is known can still be predicted for.

    Args:
        user_col: the column of users, by name or by place from 0.
        item_col: the column of items.
        rating_col: the column of ratings.
        valid_pct: the fraction held out for validation; 0.2 where no option says otherwise.
        valid_col: the column that says True or 1 for validation.
        split: another way to hold out: a splitter such as ``stratified_splitter(0.2)``, a function
            of yours, or the places ``(train, valid)``.
        batch_size: samples per batch; ``bs`` is another name.
        bs: see ``batch_size``.
        seed: of the split and of the order.

    Example:
        >>> rows = {"user": ["Ann", "Bob", "Cid"] * 8, "film": ["Up", "Jaws"] * 12,
        ...         "stars": [5, 4, 2, 3] * 6}
        >>> CollabDataBunch.from_df(rows, bs=8).one_batch().x.shape
        torch.Size([8, 2])
    """

    inputs: TableInputs | None = None

    @classmethod
    @checked_keywords
    def from_df(  # type: ignore[override]  # a table has columns of other kinds
        cls,
        df: AnyTable,
        *,
        user_col: Column = 0,
        item_col: Column = 1,
        rating_col: Column = 2,
        valid_pct: float | None = None,
        valid_col: Column | None = None,
        split: Split | None = None,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Read a DataFrame (pandas, polars), or a dict of columns.

        Args:
            df: the table.

        Raises:
            DataError: naming the option, column or row that cannot be used.
        """
        table = named_table(df, "The table")
        roles = {"user_col": user_col, "item_col": item_col}
        pair = [name for option, col in roles.items() for name in names_of(table, col, option)]
        rating = names_of(table, rating_col, "rating_col")
        if len({*pair, *rating}) < 3:
            raise DataError(
                "user_col, item_col and rating_col must be three columns: found "
                f"{', '.join([*pair, *rating])}."
            )
        options = TableOptions(
            y_cols=rating,
            task="regression",
            cat_cols=pair,
            num_cols=(),
            valid_pct=valid_pct,
            valid_col=valid_col,
            split=split,
            batch_size=batch_size,
            bs=bs,
            seed=seed,
            whole=True,
        )
        return cls(**options.parts(table))

    @classmethod
    @checked_keywords
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        delimiter: str = ",",
        names: Sequence[str] | None = None,
        skipinitialspace: bool = False,
        na_values: Sequence[str] = NA_VALUES,
        user_col: Column = 0,
        item_col: Column = 1,
        rating_col: Column = 2,
        valid_pct: float | None = None,
        valid_col: Column | None = None,
        split: Split | None = None,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Read a CSV file; see `TabularDataBunch.from_csv` for how.

        Raises:
            DataError: naming the file, line, column or cell that cannot be used.
        """
        table = read_table(
            path,
            delimiter=delimiter,
            names=names,
            skipinitialspace=skipinitialspace,
            na_values=na_values,
        )
        return cls.from_df(
            table,
            user_col=user_col,
            item_col=item_col,
            rating_col=rating_col,
            valid_pct=valid_pct,
            valid_col=valid_col,
            split=split,
            batch_size=batch_size,
            bs=bs,
            seed=seed,
        )

    @checked_keywords
    def show_batch(self, n: int = 9, *, path: str | os.PathLike[str] | None = None) -> None:
        """Print the first training rows: user, item and rating.

        Args:
            n: at most how many; there are never more than in one batch.
            path: a text file to write instead.

        Raises:
            DataError: when ``n`` is below 1, or the bunch was not made from a table.
        """
        print_table(shown_rows(self, n), path)

    def _lines(self) -> list[str]:
        if self.inputs is None or not isinstance(self.task, Regression):
            return super()._lines()
        user, item = self.inputs.process.sources
        return [*super()._lines(), f"  user={user}, item={item}, rating={self.task.names[0]}"]
