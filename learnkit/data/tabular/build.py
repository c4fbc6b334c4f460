"""From a table to the loaders, classes and inputs of a bunch; the steps that all ways share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import torch
import torch.nn.functional as F
from torch.utils.data import TensorDataset

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.datasets import dataset_loaders
from learnkit.data.labels import is_missing
from learnkit.data.missing_classes import warn_of_missing
from learnkit.data.options import check_batch_size
from learnkit.data.samples import Samples, Split
from learnkit.data.sampling import Sampling, weights_of
from learnkit.data.table import Column, DataFrameLike, Table, as_table
from learnkit.data.tabular.divide import Division, divide
from learnkit.data.tabular.inputs import TableInputs
from learnkit.data.tabular.kinds import ColumnKinds, choose_kinds, names_of
from learnkit.data.tabular.process import Process, check_names, take, with_text_names
from learnkit.data.tabular.target import Target, TargetKind, kind_of, labels_of
from learnkit.tasks import Regression, Task

AnyTable = DataFrameLike | Mapping[Any, Sequence[Any]] | Table


class Parts(TypedDict):
    """The fields of a bunch."""

    train_dl: DatasetLoader
    valid_dl: DatasetLoader | None
    test_dl: DatasetLoader | None
    classes: tuple[str, ...]
    seed: int
    split: str
    task: Task | None
    inputs: TableInputs


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """What a user may ask of a table; see `TabularDataBunch`, whose options these are."""

    y_cols: Column | Sequence[Column]
    task: TargetKind = None
    classes: Sequence[object] | None = None
    cat_cols: Sequence[Column] | None = None
    num_cols: Sequence[Column] | None = None
    date_cols: Sequence[Column] = ()
    log_cols: Sequence[Column] = ()
    drop_cols: Sequence[Column] = ()
    valid_pct: float | None = None
    valid_col: Column | None = None
    split: Split | None = None
    sampling: Sampling = None
    batch_size: int = 64
    bs: int | None = None
    seed: int = 42
    whole: bool = False
    na_values: tuple[str, ...] = ()

    def parts(
        self, df: AnyTable, valid_df: AnyTable | None = None, test_df: AnyTable | None = None
    ) -> Parts:
        """Divide a table, learn from its training rows, and make loaders of all.

        Raises:
            DataError: naming the option, column, row or cell that cannot be used.
        """
        size = check_batch_size(self.batch_size, self.bs)
        table = named_table(df, "The table")
        targets = names_of(table, self.y_cols, "y_cols")
        samples = self._samples(table, targets)
        sides = self._divided(table, samples, valid_df is not None)
        train, valid = take(table, sides.train), take(table, sides.valid)
        if valid_df is not None:
            valid = named_table(valid_df, "The table of validation")
        target = self._target(table, train, targets)
        process = self._learned(train, targets)
        valid_y = target.y(valid)  # which must have its targets
        sets = _rows(train, process, target), _rows(valid, process, target)
        seen, held = (target.names_in(y) for y in (sets[0].tensors[1], valid_y))
        warn_of_missing(seen, held, "validation")
        weights = weights_of(self.sampling, samples.take(sides.train), sides.train, samples.n)
        loaders = dataset_loaders(sets[0], sets[1], size, 0, self.seed, weights)
        test = None if test_df is None else named_table(test_df, "The test table")
        return Parts(
            train_dl=loaders[0],
            valid_dl=loaders[1],
            test_dl=None
            if test is None
            else DatasetLoader(_rows(test, process, target), batch_size=size, seed=self.seed),
            classes=target.classes,
            seed=self.seed,
            split=sides.words,
            task=None if target.classes else Regression(F.mse_loss, (), target.names),
            inputs=TableInputs(process, self.na_values),
        )

    def _samples(self, table: Table, targets: Sequence[str]) -> Samples:
        """Say what splitters and weights may ask for; nothing where there are none."""
        if self.split is None and self.sampling is None:
            return Samples(len(table.rows))
        labels = labels_of(table, targets, self.task, self.classes)
        return Samples(len(table.rows), labels, columns=table.columns)

    def _target(self, table: Table, train: Table, targets: Sequence[str]) -> Target:
        """Learn from the training rows; that there are values may be seen in any row."""
        whole = kind_of(table, targets, self.task, self.classes)
        kind = whole if whole == "regression" else self.task
        return Target.learn(train, targets, kind=kind, classes=self.classes)

    def _divided(self, table: Table, samples: Samples, valid_given: bool) -> Division:
        return divide(
            table,
            samples,
            valid_given=valid_given,
            valid_pct=self.valid_pct,
            valid_col=self.valid_col,
            split=self.split,
            seed=self.seed,
        )

    def _learned(self, train: Table, targets: Sequence[str]) -> Process:
        drop = names_of(train, self.drop_cols, "drop_cols")
        drop += [name for name in names_of(train, self.valid_col, "valid_col") if name not in drop]
        kinds: ColumnKinds = choose_kinds(
            train,
            cat_cols=self.cat_cols,
            num_cols=self.num_cols,
            date_cols=self.date_cols,
            log_cols=self.log_cols,
            drop_cols=drop,
            targets=targets,
        )
        process = Process.learn(train, kinds, whole=self.whole)
        process.warn_of_constants(train.title, (*kinds.categories, *kinds.numbers))
        return process


def named_table(df: AnyTable, title: str) -> Table:
    """Return a DataFrame, a mapping or a table as one whose columns are named by texts.

    Raises:
        DataError: when it is none of these, is empty, or has two columns of one name.
    """
    if isinstance(df, Table):
        return with_text_names(df)
    if hasattr(df, "columns"):  # a DataFrame may have a name twice, and would give both at once
        check_names([str(name) for name in df.columns], title)
    return with_text_names(as_table(df, title=title))


def _rows(table: Table, process: Process, target: Target) -> TensorDataset:
    """Return x and y; those to be predicted may all lack their targets, and then get 0."""
    x = process.x(table)
    cells = [cell for name in target.names for cell in table.columns.get(name, ())]
    if not all(map(is_missing, cells)):
        y = target.y(table)
    elif target.classes:
        y = torch.zeros(len(x), dtype=torch.int64)
    else:
        y = torch.zeros(len(x), len(target.names))
    return TensorDataset(x, y.squeeze(1) if process.whole else y)
