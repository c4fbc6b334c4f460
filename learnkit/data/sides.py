"""Which labelled files are trained on and which are held out, for every kind of source."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from learnkit.data.items import describe_folder, existing_folder, list_images
from learnkit.data.labels import Labelled
from learnkit.data.layout import read_folders
from learnkit.data.split import held_out_words, split_groups
from learnkit.data.table import Rows, check_files
from learnkit.errors import DataError

_ADVICE_SPLIT = "Pass stratified=True, another seed, or every class in classes=."


class Sides(NamedTuple):
    """Labelled files of both sides.

    Attributes:
        root: the folder that the names start from.
        train: what is trained on.
        valid: what is held out.
        advice: what to do about a class that only ``valid`` has.
        split: how the two came about, in words.
    """

    root: Path
    train: Labelled
    valid: Labelled
    advice: str
    split: str = ""


def sides_of_folders(
    path: str | os.PathLike[str],
    *,
    train: str,
    valid: str,
    test: str | None,
    valid_pct: float | None,
    stratified: bool,
    seed: int,
) -> Sides:
    """Read class folders; with ``valid_pct`` hold a part of them out.

    Raises:
        DataError: see ``read_folders``.
    """
    files = read_folders(path, train=train, valid=valid, test=test, valid_pct=valid_pct)
    if files.valid is None:
        pct = 0.2 if valid_pct is None else valid_pct
        return hold_out_files(files.root, files.train, pct, stratified=stratified, seed=seed)
    advice = (
        f"Add images of it to {files.train.where}, take it out of {files.valid.where}, "
        "or give every class in classes=."
    )
    words = f"as the folders are: {files.train.where} and {files.valid.where}"
    return Sides(files.root, files.train, files.valid, advice, words)


def sides_of_rows(
    root: Path,
    rows: Rows,
    where: str,
    *,
    valid_pct: float | None,
    stratified: bool,
    seed: int,
) -> Sides:
    """Split the rows of a table: by its own column, or at random.

    Raises:
        DataError: when a file does not exist, or both a column and ``valid_pct`` were given.
    """
    check_files(root, rows.files, listed_in=where)
    labelled = Labelled.of(rows.files, rows.labels, where)
    if rows.held_out is None:
        pct = 0.2 if valid_pct is None else valid_pct
        return hold_out_files(root, labelled, pct, stratified=stratified, seed=seed)
    if valid_pct is not None:
        raise DataError(f"valid_col and valid_pct={valid_pct:g} were both given: give one.")
    flags = np.array(rows.held_out, dtype=bool)
    train = labelled.take(np.flatnonzero(~flags), f"the training rows of {where}")
    valid = labelled.take(np.flatnonzero(flags), f"the validation rows of {where}")
    advice = "Add training rows of it, or give every class in classes=."
    return Sides(root, train, valid, advice, "by the table's own column")


def sides_of_paths(
    path: str | os.PathLike[str],
    files: Sequence[str | os.PathLike[str]] | None,
    label: Callable[[Path], str],
    *,
    valid_pct: float,
    stratified: bool,
    seed: int,
) -> Sides:
    """Label files by their paths; None takes every image below ``path``.

    Raises:
        DataError: when there are no files, one does not exist, or one gets no label.
    """
    root = existing_folder(path)
    names = list_images(root) if files is None else names_below(root, files)
    if not names:
        found = f"found {describe_folder(root)}" if files is None else "the list is empty"
        raise DataError(f"There are no images to label in {root}: {found}.")
    if files is not None:
        check_files(root, names, listed_in="files")
    labelled = Labelled.of(names, (label(root / name) for name in names), str(root))
    return hold_out_files(root, labelled, valid_pct, stratified=stratified, seed=seed)


def names_below(root: Path, files: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the names of files relative to ``root``, which the user may have written before them.

    ``photos/1.jpg`` in ``photos``, as ``Path("photos").glob("*.jpg")`` gives it, is ``1.jpg``.
    """
    paths = [Path(file).expanduser() for file in files]
    return [
        (path.relative_to(root) if path.is_relative_to(root) else path).as_posix() for path in paths
    ]


def hold_out_files(
    root: Path, files: Labelled, valid_pct: float, *, stratified: bool, seed: int
) -> Sides:
    """Hold the fraction ``valid_pct`` out; rows that name one file stay on one side.

    Raises:
        DataError: when one side would be empty.
    """
    kept, held = split_groups(files.names, files.labels, valid_pct, seed, stratified=stratified)
    train = files.take(kept, f"the training part of {files.where}")
    valid = files.take(held, f"the validation part of {files.where}")
    words = held_out_words(valid_pct, seed, stratified=stratified)
    return Sides(root, train, valid, _ADVICE_SPLIT, words)
