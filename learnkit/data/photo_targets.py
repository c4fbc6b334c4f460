"""What photos are labelled with besides one class: several labels, values, or points.

Reads the targets of a table, or of a function of the file's name, and gives the numbers and the
task that go with them. Knows no pixels.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from torch.nn import functional

from learnkit.data.labels import Labelled
from learnkit.data.multi_labels import is_label_list, read_label_sets
from learnkit.data.photo_values import check_points, point_names, read_values
from learnkit.data.table import Column, Rows, Table, file_names, held_out_flags, read_rows
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.losses import binary_cross_entropy_of_logits
from learnkit.names import did_you_mean
from learnkit.tasks import MultiLabel, Regression, Task
from learnkit.tasks.points import Points

PhotoTask: TypeAlias = Literal["classification", "multilabel", "regression", "points"]
ValueColumns: TypeAlias = Column | Sequence[Column]

_TASKS: Final = get_args(PhotoTask)


class PhotoTargets(NamedTuple):
    """The targets of all photos, and what is to be learned of them.

    Attributes:
        values: bool (N, K) labels; float32 (N, K) values; float64 (N, 2 P) points in pixels.
        task: with the loss that goes with them.
    """

    values: npt.NDArray[Any]
    task: Task

    def of(self, part: Labelled) -> npt.NDArray[Any]:
        """Return the targets of one side, whose labels are numbers of rows: see `row_labels`."""
        rows = np.array([int(text) for text in part.labels.texts], dtype=np.int64)
        return self.values[rows[part.labels.codes]]

    def warn_of_unseen(self, train: Labelled, valid: Labelled) -> None:
        """Warn of labels that only validation has: nothing can be learned of them."""
        if self.values.dtype != np.bool_:
            return
        only = self.of(valid).any(axis=0) & ~self.of(train).any(axis=0)
        if only.any():
            names = [repr(self.task.classes[place]) for place in np.flatnonzero(only).tolist()]
            warn_user(
                f"No photo of {train.where} has {' or '.join(names)}, but some of {valid.where} "
                "have: it cannot be learned. Add photos, or take another seed."
            )


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """Which columns hold what is predicted, and what it is; see ``ImageDataBunch.from_csv``.

    Attributes:
        task: what is predicted.
        columns: of the targets.
        delim: the sign between labels, or None.
        given: the user's ``classes=``.
        option: what the user named the columns by.
    """

    task: PhotoTask
    columns: tuple[Column, ...]
    delim: str | None = None
    given: Sequence[object] | None = None
    option: str = "label_col"

    @classmethod
    def checked(
        cls,
        label_col: Column,
        label_delim: str | None = None,
        y_cols: ValueColumns | None = None,
        task: PhotoTask | None = None,
        classes: Sequence[object] | None = None,
    ) -> "TargetOptions":
        """Check what the user gave, and decide on the task where it is not said.

        Raises:
            DataError: for options that do not go together.
        """
        check_task(task)
        _check_delim(label_delim, task)
        chosen = task or _task_of(label_delim, y_cols)
        if y_cols is None:
            columns: tuple[Column, ...] = (label_col,)
        elif isinstance(y_cols, str | int):
            columns = (y_cols,)
        else:
            columns = tuple(y_cols)
        _check_columns(chosen, columns, given=y_cols is not None)
        if classes is not None and chosen in ("regression", "points"):
            raise DataError(f"classes= names labels, and task={chosen!r} has none: leave it out.")
        option = "label_col" if y_cols is None else "y_cols"
        return cls(task=chosen, columns=columns, delim=label_delim, given=classes, option=option)


def check_task(task: str | None) -> None:
    """Raise DataError unless ``task`` is a word for one, or None."""
    if task is not None and task not in _TASKS:
        hint = did_you_mean(task, _TASKS) if isinstance(task, str) else ""
        raise DataError(
            f"task must be one of {', '.join(map(repr, _TASKS))}: found {task!r}.{hint}"
        )


def task_of_lists(labels: Sequence[object]) -> PhotoTask:
    """Return what labels given as a list are: several for each photo where one is a list."""
    return "multilabel" if any(is_label_list(label) for label in labels) else "classification"


def read_targets(table: Table, options: TargetOptions, files: Sequence[str]) -> PhotoTargets:
    """Read the targets of every row.

    Raises:
        DataError: naming the row, the column and what is wrong with it.
    """
    if options.task == "multilabel":
        sets = read_label_sets(table, options.columns[0], delim=options.delim, given=options.given)
        return PhotoTargets(sets.held, MultiLabel(binary_cross_entropy_of_logits, sets.classes))
    values = read_values(table, options.columns, files, option=options.option)
    if options.task == "points":
        check_points(values)
        return PhotoTargets(values, Points(functional.mse_loss, (), point_names(options.columns)))
    names = tuple(map(str, options.columns)) if options.option == "y_cols" else ()
    task = Regression(functional.mse_loss, (), names if len(names) == values.shape[1] else ())
    return PhotoTargets(values.astype(np.float32), task)


class TableColumns(NamedTuple):
    """Where a table has its files and its split; see ``ImageDataBunch.from_csv``.

    Attributes:
        fn_col: the column of file names.
        valid_col: the column that tells the split, or None.
        folder: where the files are.
        suffix: added to every file name.
        title: what a message about missing files calls the table.
    """

    fn_col: Column
    valid_col: Column | None = None
    folder: str | os.PathLike[str] | None = None
    suffix: str = ""
    title: str = "the table"


class PhotoRows(NamedTuple):
    """What a table says of each photo.

    Attributes:
        rows: files, split and labels; the labels are the numbers of the rows where ``targets`` are.
        targets: None where each photo has one class.
        classes: the user's ``classes=``.
        title: what a message about missing files calls the table.
    """

    rows: Rows
    targets: PhotoTargets | None
    classes: Sequence[object] | None
    title: str


def rows_and_targets(table: Table, columns: TableColumns, wanted: TargetOptions) -> PhotoRows:
    """Read files, split and what is predicted.

    Raises:
        DataError: naming the row, the column and what is wrong with it.
    """
    if wanted.task == "classification":
        rows = read_rows(
            table,
            fn_col=columns.fn_col,
            label_col=wanted.columns[0],
            valid_col=columns.valid_col,
            folder=columns.folder,
            suffix=columns.suffix,
        )
        return PhotoRows(rows, None, wanted.given, columns.title)
    files = file_names(table, columns.fn_col, folder=columns.folder, suffix=columns.suffix)
    flags = None if columns.valid_col is None else held_out_flags(table, columns.valid_col)
    targets = read_targets(table, wanted, files)
    rows = Rows(files, row_labels(len(files)), flags)
    return PhotoRows(rows, targets, wanted.given, columns.title)


def row_labels(n: int) -> list[str]:
    """Return the numbers of rows as labels, so that a split says which rows are on which side."""
    return [str(number) for number in range(n)]


class Answers:
    """Asks the user's function for the target of each file, and keeps what it said.

    Called with a path, it returns the number of the answer as a label: see `row_labels`.

    Raises:
        DataError: when called, naming the file, when the function fails.
    """

    def __init__(self, func: Callable[[Any], object], *, of: str = "name") -> None:
        self._func, self._of = func, of
        self._files: list[str] = []
        self._given: list[object] = []

    def __call__(self, path: Path) -> str:
        """Ask for one file's target."""
        try:
            value = self._func(path.name if self._of == "name" else path)
        except Exception as error:
            raise DataError(
                f"The label function failed on {path.name!r}: {type(error).__name__}: {error}. "
                f"It is given the file's {'name as a string' if self._of == 'name' else 'path'}."
            ) from error
        self._files.append(path.name)
        self._given.append(value)
        return str(len(self._given) - 1)

    def targets(self, task: PhotoTask, classes: Sequence[object] | None) -> PhotoTargets:
        """Return the targets of all files asked for."""
        options = TargetOptions.checked("label", task=task, classes=classes)
        table = Table("The label function", {"label": self._given}, self._files)
        return read_targets(table, options, self._files)


def _task_of(delim: str | None, y_cols: ValueColumns | None) -> PhotoTask:
    if delim is not None:
        return "multilabel"
    return "classification" if y_cols is None else "regression"


def _check_delim(delim: object, task: str | None) -> None:
    if delim is None:
        return
    if not isinstance(delim, str) or not delim:
        raise DataError(
            f"label_delim is the sign between labels, such as ' ' or ';': found {delim!r}."
        )
    if task not in (None, "multilabel"):
        raise DataError(
            f"label_delim={delim!r} is for several labels a photo, but task={task!r}: leave one "
            "of them out."
        )


def _check_columns(task: str, columns: tuple[Column, ...], *, given: bool) -> None:
    if given and task in ("classification", "multilabel"):
        raise DataError(
            "y_cols= names columns of values, for task='regression' or 'points'; labels are in "
            f"label_col=. Found y_cols={list(columns)} for task={task!r}."
        )
    if not columns:
        raise DataError("y_cols= must name at least one column of values: found none.")
