"""A table as a DataBunch."""

# ruff: noqa: D417 - the options that both constructors share are described once, on the class

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from learnkit.data.bunch import DataBunch
from learnkit.data.samples import Split
from learnkit.data.sampling import Sampling
from learnkit.data.table import Column
from learnkit.data.tabular.build import AnyTable, TableOptions
from learnkit.data.tabular.csv_table import NA_VALUES, na_words, read_table
from learnkit.data.tabular.inputs import TableInputs
from learnkit.data.tabular.show import print_table
from learnkit.data.tabular.target import TargetKind
from learnkit.errors import DataError
from learnkit.names import checked_keywords


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class TabularDataBunch(DataBunch):
    """A DataBunch of the rows of a table: x float32 (B, columns), codes first, then numbers.

    What is done to a column is learned from the training rows alone, and kept for validation,
    prediction and exports: the words of a category (code 0 is a missing cell or a word that
    training did not see), the median that fills a number's gaps, its mean and deviation. A column
    of numbers with gaps gets a column ``<name>_na`` beside it that says where they were. A date
    becomes its year, month, day and so on, named as by fastai's ``add_datepart``.

    Columns are named or numbered from 0. Those that no option names are chosen by their cells in
    the training rows: dates (and texts such as 2026-01-31) are dates; numbers, as texts too, are
    numbers, unless they are at most 20 different whole ones, five rows each on average; all else
    is a category. A column from which nothing can be learned is left out, with a warning.

    Args:
        y_cols: the column to predict, or several columns of values.
        task: ``"classification"`` or ``"regression"``; None looks: texts, booleans and at most 20
            different whole numbers are classes, other numbers are values.
        classes: the classes in the order of the outputs; by default those of training, sorted.
        cat_cols: columns of categories; None chooses, ``()`` takes none.
        num_cols: columns of numbers, likewise.
        date_cols: columns of dates.
        log_cols: columns of numbers whose logarithm is taken, ``sign(v) log(1 + |v|)``.
        drop_cols: columns that are left out.
        valid_df: a table of validation rows.
        test_df: a table of rows to predict; its targets are used if it has them.
        valid_pct: the fraction held out for validation; 0.2 where no option says otherwise.
        valid_col: the column that says True or 1 for validation.
        split: another way to hold out: a splitter such as ``stratified_splitter(0.2)``, a function
            of yours, or the places ``(train, valid)``.
        sampling: how often each training row comes, as in `DataBunch.from_arrays`:
            ``"balanced"``, a weight for each class, or for each row.
        batch_size: samples per batch; ``bs`` is another name.
        bs: see ``batch_size``.
        seed: of the split and of the order.

    Example:
        >>> rows = {"size": [50, 80, 120, 95] * 9, "city": ["Ulm", "Bonn", "Ulm", "Kiel"] * 9,
        ...         "rent": [610.5, 900.0, 1150.0, 990.0] * 9}
        >>> data = TabularDataBunch.from_df(rows, y_cols="rent", num_cols=["size"], bs=8)
        >>> data.one_batch().x.shape
        torch.Size([8, 2])
    """

    inputs: TableInputs | None = None

    @classmethod
    @checked_keywords
    def from_df(  # type: ignore[override]  # a table has columns of other kinds
        cls,
        df: AnyTable,
        y_cols: Column | Sequence[Column],
        *,
        task: TargetKind = None,
        classes: Sequence[object] | None = None,
        cat_cols: Sequence[Column] | None = None,
        num_cols: Sequence[Column] | None = None,
        date_cols: Sequence[Column] = (),
        log_cols: Sequence[Column] = (),
        drop_cols: Sequence[Column] = (),
        valid_df: AnyTable | None = None,
        test_df: AnyTable | None = None,
        valid_pct: float | None = None,
        valid_col: Column | None = None,
        split: Split | None = None,
        sampling: Sampling = None,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Read a DataFrame (pandas, polars), or a dict of columns.

        Args:
            df: the table.

        Raises:
            DataError: naming the option, column, row or cell that cannot be used.
        """
        options = TableOptions(
            y_cols=y_cols,
            task=task,
            classes=classes,
            cat_cols=cat_cols,
            num_cols=num_cols,
            date_cols=date_cols,
            log_cols=log_cols,
            drop_cols=drop_cols,
            valid_pct=valid_pct,
            valid_col=valid_col,
            split=split,
            sampling=sampling,
            batch_size=batch_size,
            bs=bs,
            seed=seed,
        )
        return cls(**options.parts(df, valid_df, test_df))

    @classmethod
    @checked_keywords
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        y_cols: Column | Sequence[Column],
        *,
        delimiter: str = ",",
        names: Sequence[str] | None = None,
        skipinitialspace: bool = False,
        na_values: Sequence[str] = NA_VALUES,
        valid: str | os.PathLike[str] | None = None,
        test: str | os.PathLike[str] | None = None,
        task: TargetKind = None,
        classes: Sequence[object] | None = None,
        cat_cols: Sequence[Column] | None = None,
        num_cols: Sequence[Column] | None = None,
        date_cols: Sequence[Column] = (),
        log_cols: Sequence[Column] = (),
        drop_cols: Sequence[Column] = (),
        valid_pct: float | None = None,
        valid_col: Column | None = None,
        split: Split | None = None,
        sampling: Sampling = None,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Read a CSV file; spaces round cells do not count.

        Args:
            path: the file, UTF-8.
            delimiter: between cells.
            names: of the columns, where the first line is a row already.
            skipinitialspace: whether a quote may follow a space.
            na_values: cells that say that nothing is known, besides empty ones and ``nan``.
            valid: a file of validation rows, laid out as ``path``.
            test: a file of rows to predict, laid out as ``path``.

        Raises:
            DataError: naming the file, line, column or cell that cannot be used.
        """
        read = partial(
            read_table,
            delimiter=delimiter,
            names=names,
            skipinitialspace=skipinitialspace,
            na_values=na_values,
        )
        others = [None if file is None else read(file) for file in (valid, test)]
        options = TableOptions(
            y_cols=y_cols,
            task=task,
            classes=classes,
            cat_cols=cat_cols,
            num_cols=num_cols,
            date_cols=date_cols,
            log_cols=log_cols,
            drop_cols=drop_cols,
            valid_pct=valid_pct,
            valid_col=valid_col,
            split=split,
            sampling=sampling,
            batch_size=batch_size,
            bs=bs,
            seed=seed,
            na_values=na_words(na_values),
        )
        return cls(**options.parts(read(path), *others))

    @checked_keywords
    def show_batch(self, n: int = 9, *, path: str | os.PathLike[str] | None = None) -> None:
        """Print the first training rows as the model gets them, in words, with their targets.

        Args:
            n: at most how many; there are never more than in one batch.
            path: a text file to write instead.

        Raises:
            DataError: when ``n`` is below 1, or the bunch was not made from a table.
        """
        print_table(shown_rows(self, n), path)


def shown_rows(data: DataBunch, n: int) -> list[dict[str, str]]:
    """Return the first training rows in words, target last.

    Raises:
        DataError: when ``n`` is below 1, or the bunch was not made from a table.
    """
    if n < 1:
        raise DataError(f"show_batch shows at least 1 row: found n={n}.")
    if not isinstance(data.inputs, TableInputs):
        raise DataError("These batches were not made from a table, so there are no columns.")
    batch = next(data.train_dl.batches(0)).batch
    rows = []
    for x, y in zip(batch.x[:n], batch.y[:n], strict=True):
        target = (
            data.classes[int(y)] if data.classes else ", ".join(f"{v:.6g}" for v in y.reshape(-1))
        )
        rows.append({**data.inputs.process.decoded(x), "target": target})
    return rows
