"""Images of any source as a DataBunch: class folders, tables, lists, file names.

Every constructor does the same: check the options, find out which files with which labels are on
which side, hand them to ``_of_files``. Their options are spelled out in each, so that editors,
type checkers and the error for a misspelt one know them; that makes this file long.
"""

# ruff: noqa: D417 - the options that all constructors share are described once, on the class

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from learnkit.data.caches import CacheMode
from learnkit.data.geometry import Resize
from learnkit.data.image_base import PathLike
from learnkit.data.image_paths import ImagePathBunch
from learnkit.data.items import existing_folder
from learnkit.data.options import ImageOptions, Size, Tfms
from learnkit.data.photo_targets import (
    PhotoTask,
    TableColumns,
    TargetOptions,
    ValueColumns,
    rows_and_targets,
    task_of_lists,
)
from learnkit.data.samples import Split
from learnkit.data.sampling import Sampling
from learnkit.data.sides import Division, names_below, sides_of_folders
from learnkit.data.skipped import OnError
from learnkit.data.table import Column, DataFrameLike, as_table, read_csv
from learnkit.errors import DataError
from learnkit.names import checked_keywords


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ImageDataBunch(ImagePathBunch):
    """A DataBunch of RGB images of one size. Every ``from_*`` takes these options.

    What is predicted is one class for each photo, or what ``task=`` says: ``"multilabel"``, any
    number of labels, y bool (B, K); ``"regression"``, values, y float32 (B, K); ``"points"``, x and
    y of points in pixels of the photo in its file, upright, from its left and top border. Points
    are loaded as y float32 (B, 2 P) in [-1, 1] of the picture and move with it. These three are
    split at random.

    Args:
        classes: the classes in the order of the model's outputs; by default those found, sorted
            (by value when all are whole numbers).
        size: pixels per side, or (height, width).
        resize: how images are fitted where there is no random crop: ``"crop"``, ``"pad"`` or
            ``"squish"``.
        batch_size: samples per batch; ``bs`` is another name.
        tfms: random changes in training. ``"default"`` crops and flips; ``get_transforms()`` does
            more; a list of callables on batches runs in the order given; None changes nothing.
        num_workers: decoding threads; the result does not depend on it.
        seed: every random choice depends on it: the split, the order, crops and transforms.
        cache: where decoded images are kept: ``"auto"`` in memory, or when they are too many in a
            file of the user's cache folder; ``"ram"`` or ``"disk"`` one of the two, None neither.
        errors: ``"skip"`` leaves out images that cannot be read, with one warning that names each;
            more than 5 % of a side, and more than one image, are an error in the first epoch. A
            number in [0, 1] allows another share; ``"raise"`` stops at the first.
        valid_pct: the fraction held out for validation; 0.2 by default.
        stratified: hold out the same fraction of every class, where each photo has one.
        split: another way to hold out, instead of these: a splitter, such as
            ``grouped_splitter("(patient_[0-9]+)")`` or one of ``fold_splitters(5)``, a function of
            yours, or the indices ``(train, valid)``.
        sampling: how often each training image comes: ``"balanced"`` gives every class the same
            share of an epoch, ``{"rare": 5.0}`` each image of a class a weight, a list each image.
            An epoch stays as long, and draws with replacement.

    Attributes:
        size: (height, width) in pixels.
        resize: how images are fitted in validation and prediction.
    """

    @classmethod
    @checked_keywords
    def from_folder(
        cls,
        path: PathLike,
        *,
        train: str = "train",
        valid: str = "valid",
        test: str | None = None,
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        size: Size = 224,
        resize: Resize = "crop",
        batch_size: int = 64,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Read ``path/train/<class>/*.jpg`` and ``path/valid/<class>/*.jpg``.

        With ``valid_pct`` or ``split``, ``path/<class>/*.jpg`` (or ``path/train/<class>/*.jpg``)
        is split. An image's class is the first folder below; deeper folders do not matter.

        Args:
            path: the folder.
            train: the folder of training images, in ``path``.
            valid: the folder of validation images, in ``path``.
            test: a folder in ``path`` of images to predict, in class folders or not.
            valid_pct: the fraction to hold out where there is no validation folder.

        Raises:
            DataError: naming the folder, what was found there, and both accepted layouts.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        sides = sides_of_folders(
            path,
            train=train,
            valid=valid,
            test=test,
            valid_pct=valid_pct,
            stratified=stratified,
            seed=seed,
            split=split,
        )
        return cls._of_files(sides, options, classes, test, sampling=sampling)

    @classmethod
    @checked_keywords
    def from_csv(
        cls,
        path: PathLike,
        csv_file: PathLike = "labels.csv",
        *,
        delimiter: str = ",",
        header: bool = True,
        fn_col: Column = 0,
        label_col: Column = 1,
        label_delim: str | None = None,
        y_cols: ValueColumns | None = None,
        task: PhotoTask | None = None,
        valid_col: Column | None = None,
        folder: PathLike | None = None,
        suffix: str = "",
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        size: Size = 224,
        resize: Resize = "crop",
        batch_size: int = 64,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Read file names and labels from a CSV file.

        Args:
            path: the folder that file names start from.
            csv_file: the table, in ``path`` or absolute.
            delimiter: between cells.
            header: whether the first line names the columns.
            fn_col: the column of file names, by name or by place from 0.
            label_col: the column of labels.
            label_delim: the sign between labels where a photo has several, such as ``" "``; an
                empty cell is a photo without any.
            y_cols: the column or columns of values.
            task: ``"classification"``, ``"multilabel"``, ``"regression"`` or ``"points"``, see the
                class; by default what ``label_delim`` or ``y_cols`` say.
            valid_col: the column that says True or 1 for validation; without it, ``valid_pct``
                (0.2 by default) is held out.
            folder: where the files are, in ``path``.
            suffix: added to every file name, such as ``".jpg"``.

        Raises:
            DataError: naming the column, line or file that is missing.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        root = existing_folder(path)
        table = read_csv(root / csv_file, delimiter=delimiter, header=header)
        columns = TableColumns(fn_col, valid_col, folder, suffix, Path(csv_file).name)
        wanted = TargetOptions.checked(label_col, label_delim, y_cols, task, classes)
        read = rows_and_targets(table, columns, wanted)
        division = Division(valid_pct, stratified, split, table)
        return cls._of_rows(root, read, options, division, sampling)

    @classmethod
    @checked_keywords
    def from_df(  # type: ignore[override]  # of files, where the base's is of numbers
        cls,
        df: DataFrameLike | Mapping[Any, Sequence[Any]],
        path: PathLike = ".",
        *,
        fn_col: Column = 0,
        label_col: Column = 1,
        label_delim: str | None = None,
        y_cols: ValueColumns | None = None,
        task: PhotoTask | None = None,
        valid_col: Column | None = None,
        folder: PathLike | None = None,
        suffix: str = "",
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        size: Size = 224,
        resize: Resize = "crop",
        batch_size: int = 64,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Read file names and labels from a DataFrame (pandas, polars) or a dict of columns.

        Args:
            df: the table.
            path: the folder that file names start from.
            fn_col: the column of file names, by name or by place from 0.
            label_col: the column of labels.
            label_delim: the sign between labels where a photo has several, such as ``" "``; an
                empty cell is a photo without any.
            y_cols: the column or columns of values.
            task: ``"classification"``, ``"multilabel"``, ``"regression"`` or ``"points"``, see the
                class; by default what ``label_delim`` or ``y_cols`` say.
            valid_col: the column that says True or 1 for validation; without it, ``valid_pct``
                (0.2 by default) is held out.
            folder: where the files are, in ``path``.
            suffix: added to every file name, such as ``".jpg"``.

        Raises:
            DataError: naming the column, row or file that is missing.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        root = existing_folder(path)
        table = as_table(df)
        columns = TableColumns(fn_col, valid_col, folder, suffix, "the table")
        wanted = TargetOptions.checked(label_col, label_delim, y_cols, task, classes)
        read = rows_and_targets(table, columns, wanted)
        division = Division(valid_pct, stratified, split, table)
        return cls._of_rows(root, read, options, division, sampling)

    @classmethod
    @checked_keywords
    def from_lists(
        cls,
        path: PathLike,
        files: Sequence[PathLike],
        labels: Sequence[object],
        *,
        task: PhotoTask | None = None,
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        size: Size = 224,
        resize: Resize = "crop",
        batch_size: int = 64,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Take files and their labels as two lists.

        Args:
            path: the folder that relative file names start from.
            files: the images.
            labels: one for each: a class, a list of labels, a value or a list of values.
            task: what they are, see the class; by default classes, or several labels for each
                photo where one of them is a list.

        Raises:
            DataError: when the lists differ in length, a label is missing or a file is.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        root = existing_folder(path)
        if len(files) != len(labels):
            raise DataError(
                f"files and labels must be equally long: found {len(files)} and {len(labels)}."
            )
        columns: dict[str, list[Any]] = {"file": names_below(root, files), "label": list(labels)}
        table = as_table(columns, title="The list")
        task = task or task_of_lists(labels)
        wanted = TargetOptions.checked("label", task=task, classes=classes)
        read = rows_and_targets(table, TableColumns("file", title="files"), wanted)
        division = Division(valid_pct, stratified, split, table)
        return cls._of_rows(root, read, options, division, sampling)
