"""Images of any source as a DataBunch: class folders, tables, lists, file names.

Every constructor does the same: check the options, find out which files with which labels are on
which side, hand them to ``_of_files``. Their options are spelled out in each, so that editors,
type checkers and the error for a misspelt one know them; that makes this file long.
"""

# ruff: noqa: D417 - the options that all constructors share are described once, on the class

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from learnkit.data.caches import CacheMode
from learnkit.data.geometry import Resize
from learnkit.data.image_base import ImageBunchBase, PathLike
from learnkit.data.items import existing_folder
from learnkit.data.labels import label_by_func, label_by_regex
from learnkit.data.options import ImageOptions, Size, Tfms
from learnkit.data.sides import names_below, sides_of_folders, sides_of_paths, sides_of_rows
from learnkit.data.skipped import OnError
from learnkit.data.table import Column, DataFrameLike, as_table, read_csv, read_rows
from learnkit.errors import DataError
from learnkit.names import checked_keywords


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ImageDataBunch(ImageBunchBase):
    """A DataBunch of RGB images of one size. Every ``from_*`` takes these options.

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
        valid_pct: the fraction held out for validation.
        stratified: hold out the same fraction of every class.

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

        With ``valid_pct``, ``path/<class>/*.jpg`` (or ``path/train/<class>/*.jpg``) is split. An
        image's class is the first folder below; deeper folders do not matter.

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
        )
        return cls._of_files(sides, options, classes, test)

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
        valid_col: Column | None = None,
        folder: PathLike | None = None,
        suffix: str = "",
        valid_pct: float | None = None,
        stratified: bool = True,
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
        rows = read_rows(
            table,
            fn_col=fn_col,
            label_col=label_col,
            valid_col=valid_col,
            folder=folder,
            suffix=suffix,
        )
        sides = sides_of_rows(
            root, rows, Path(csv_file).name, valid_pct=valid_pct, stratified=stratified, seed=seed
        )
        return cls._of_files(sides, options, classes)

    @classmethod
    @checked_keywords
    def from_df(
        cls,
        df: DataFrameLike | Mapping[Any, Sequence[Any]],
        path: PathLike = ".",
        *,
        fn_col: Column = 0,
        label_col: Column = 1,
        valid_col: Column | None = None,
        folder: PathLike | None = None,
        suffix: str = "",
        valid_pct: float | None = None,
        stratified: bool = True,
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
        rows = read_rows(
            table,
            fn_col=fn_col,
            label_col=label_col,
            valid_col=valid_col,
            folder=folder,
            suffix=suffix,
        )
        sides = sides_of_rows(
            root, rows, "the table", valid_pct=valid_pct, stratified=stratified, seed=seed
        )
        return cls._of_files(sides, options, classes)

    @classmethod
    @checked_keywords
    def from_lists(
        cls,
        path: PathLike,
        files: Sequence[PathLike],
        labels: Sequence[object],
        *,
        valid_pct: float = 0.2,
        stratified: bool = True,
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
            labels: one for each.

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
        rows = read_rows(
            table, fn_col="file", label_col="label", valid_col=None, folder=None, suffix=""
        )
        sides = sides_of_rows(
            root, rows, "files", valid_pct=valid_pct, stratified=stratified, seed=seed
        )
        return cls._of_files(sides, options, classes)

    @classmethod
    @checked_keywords
    def from_name_re(
        cls,
        path: PathLike,
        files: Sequence[PathLike] | None,
        pattern: str | re.Pattern[str],
        *,
        valid_pct: float = 0.2,
        stratified: bool = True,
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
        """Find the label in the file's name: the first group of ``pattern``.

        Args:
            path: the folder that relative file names start from.
            files: the images; None takes all below ``path``.
            pattern: a regular expression such as ``"^(.*)_[0-9]+"``; it is searched in the name,
                and if it is not found there in the whole path.

        Raises:
            DataError: naming the file that does not match.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        label = label_by_regex(pattern)
        sides = sides_of_paths(
            path, files, label, valid_pct=valid_pct, stratified=stratified, seed=seed
        )
        return cls._of_files(sides, options, classes)

    @classmethod
    @checked_keywords
    def from_name_func(
        cls,
        path: PathLike,
        files: Sequence[PathLike] | None,
        label_func: Callable[[str], object],
        *,
        valid_pct: float = 0.2,
        stratified: bool = True,
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
        """Find the label from the file's name by a function.

        Args:
            path: the folder that relative file names start from.
            files: the images; None takes all below ``path``.
            label_func: gets the file's name, ``"pug_12.jpg"``, and returns its label.

        Raises:
            DataError: naming the file for which the function fails or returns nothing.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        label = label_by_func(label_func)
        sides = sides_of_paths(
            path, files, label, valid_pct=valid_pct, stratified=stratified, seed=seed
        )
        return cls._of_files(sides, options, classes)
