"""Which labelled files are trained on and which are held out, for every kind of source."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from learnkit.data.items import describe_folder, existing_folder, list_images
from learnkit.data.labels import Labelled
from learnkit.data.layout import read_folders
from learnkit.data.samples import Samples, Split, check_one_way, divided, split_name
from learnkit.data.sampling import Sampling, weights_of
from learnkit.data.split import held_out_words, split_groups
from learnkit.data.table import Rows, Table, check_files
from learnkit.errors import DataError
from learnkit.randomness import FloatArray, IntArray

_ADVICE_SPLIT = "Pass stratified=True, another seed, or every class in classes=."
_ADVICE_OWN_SPLIT = "Pass a split that leaves some of it for training, or every class in classes=."


class Division(NamedTuple):
    """How the user wants samples divided.

    Attributes:
        valid_pct: the fraction to hold out at random; None is 0.2.
        stratified: of every class.
        split: another way.
        table: whose columns a splitter may ask for.
    """

    valid_pct: float | None = None
    stratified: bool = True
    split: Split | None = None
    table: Table | None = None


class Sides(NamedTuple):
    """Labelled files of both sides.

    Attributes:
        root: the folder that the names start from.
        train: what is trained on.
        valid: what is held out.
        advice: what to do about a class that only ``valid`` has.
        split: how the two came about, in words.
        kept: which of all files listed are trained on; None where they were not listed together.
        listed: how many were listed.
        are_classes: whether labels are classes; else each is the number of a target.
    """

    root: Path
    train: Labelled
    valid: Labelled
    advice: str
    split: str = ""
    kept: IntArray | None = None
    listed: int = 0
    are_classes: bool = True

    def weights(self, sampling: Sampling) -> FloatArray | None:
        """Return how often each training image comes; see ``weights_of``."""
        labels = self.train.labels if self.are_classes else None
        samples = Samples(len(self.train.names), labels, self.train.names)
        return weights_of(sampling, samples, self.kept, self.listed)


def sides_of_folders(
    path: str | os.PathLike[str],
    *,
    train: str,
    valid: str,
    test: str | None,
    valid_pct: float | None,
    stratified: bool,
    seed: int,
    split: Split | None = None,
) -> Sides:
    """Read class folders; with ``valid_pct`` or ``split`` hold a part of them out.

    Raises:
        DataError: see ``read_folders``.
    """
    if split is not None:
        check_one_way(valid_pct=valid_pct)
        root = existing_folder(path)
        if (root / valid).is_dir():
            raise DataError(
                f"split was given, but {root} has a folder {valid!r} too. Leave split out to "
                f"validate on {root / valid}, or move that folder away."
            )
    pct = 0.2 if valid_pct is None and split is not None else valid_pct
    files = read_folders(path, train=train, valid=valid, test=test, valid_pct=pct)
    if files.valid is None:
        return hold_out_files(
            files.root, files.train, pct, stratified=stratified, seed=seed, split=split
        )
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
    split: Split | None = None,
    table: Table | None = None,
    are_classes: bool = True,
) -> Sides:
    """Split the rows of a table: by its own column, by ``split``, or at random.

    Args:
        root: the folder that the names start from.
        rows: of the table.
        where: how a message calls them.
        valid_pct: see the factories.
        stratified: see the factories.
        seed: see the factories.
        split: see the factories.
        table: whose columns a splitter may ask for.
        are_classes: whether labels are classes.

    Raises:
        DataError: when a file does not exist, or the split is given in two ways.
    """
    check_files(root, rows.files, listed_in=where)
    labelled = Labelled.of(rows.files, rows.labels, where)
    if split is not None:
        check_one_way(valid_pct=valid_pct, valid_col=rows.held_out)
    if rows.held_out is None:
        columns = {} if table is None else table.columns
        return hold_out_files(
            root,
            labelled,
            valid_pct,
            stratified=stratified,
            seed=seed,
            split=split,
            columns=columns,
            are_classes=are_classes,
        )
    if valid_pct is not None:
        raise DataError(f"valid_col and valid_pct={valid_pct:g} were both given: give one.")
    flags = np.array(rows.held_out, dtype=bool)
    kept = np.flatnonzero(~flags)
    train = labelled.take(kept, f"the training rows of {where}")
    valid = labelled.take(np.flatnonzero(flags), f"the validation rows of {where}")
    advice = "Add training rows of it, or give every class in classes=."
    return Sides(
        root, train, valid, advice, "by the table's own column", kept, len(flags), are_classes
    )


def sides_of_paths(
    path: str | os.PathLike[str],
    files: Sequence[str | os.PathLike[str]] | None,
    label: Callable[[Path], str],
    *,
    valid_pct: float | None,
    stratified: bool,
    seed: int,
    split: Split | None = None,
    are_classes: bool = True,
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
    if split is not None:
        check_one_way(valid_pct=valid_pct)
    return hold_out_files(
        root,
        labelled,
        valid_pct,
        stratified=stratified,
        seed=seed,
        split=split,
        are_classes=are_classes,
    )


def names_below(root: Path, files: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the names of files relative to ``root``, which the user may have written before them.

    ``photos/1.jpg`` in ``photos``, as ``Path("photos").glob("*.jpg")`` gives it, is ``1.jpg``.
    """
    paths = [Path(file).expanduser() for file in files]
    return [
        (path.relative_to(root) if path.is_relative_to(root) else path).as_posix() for path in paths
    ]


def hold_out_files(
    root: Path,
    files: Labelled,
    valid_pct: float | None,
    *,
    stratified: bool,
    seed: int,
    split: Split | None = None,
    columns: Mapping[Any, Sequence[Any]] | None = None,
    are_classes: bool = True,
) -> Sides:
    """Hold out what ``split`` says, or else the fraction ``valid_pct`` (0.2 by default).

    Without ``split``, rows that name one file stay on one side.

    Raises:
        DataError: when one side would be empty.
    """
    pct = 0.2 if valid_pct is None else valid_pct
    if split is None:
        kept, held = split_groups(files.names, files.labels, pct, seed, stratified=stratified)
        words = held_out_words(pct, seed, stratified=stratified)
    else:
        labels = files.labels if are_classes else None
        samples = Samples(len(files.names), labels, files.names, columns or {})
        kept, held = divided(samples, split)
        words = split_name(split)
    train = files.take(kept, f"the training part of {files.where}")
    valid = files.take(held, f"the validation part of {files.where}")
    advice = _ADVICE_SPLIT if split is None else _ADVICE_OWN_SPLIT
    return Sides(root, train, valid, advice, words, kept, len(files.names), are_classes)
