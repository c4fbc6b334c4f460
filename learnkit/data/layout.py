"""Read train and validation files from class folders.

Two layouts are accepted: ``path/train/<class>/*.jpg`` beside ``path/valid/<class>/*.jpg``, or
``path/<class>/*.jpg`` (or ``path/train/<class>/*.jpg``) with a fraction to hold out. Everything
else gets an error that says what was found.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from learnkit.data.file_names import FileNames
from learnkit.data.items import (
    UNLABELLED,
    Items,
    count_and_name,
    describe_folder,
    existing_folder,
    has_loose_images,
    list_folders,
    list_images,
    path_of,
)
from learnkit.data.labels import Labelled, encode, label_by_folder
from learnkit.data.split import check_pct
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.names import did_you_mean

_VALID_WORDS = ("val", "test", "eval", "dev", "holdout")


class FolderFiles(NamedTuple):
    """What was found: ``valid`` is None when it is still to be held out of ``train``."""

    root: Path
    train: Labelled
    valid: Labelled | None


def read_folders(
    path: str | os.PathLike[str],
    *,
    train: str,
    valid: str,
    test: str | None,
    valid_pct: float | None,
) -> FolderFiles:
    """List the images of both sides, labelled by their class folders.

    Raises:
        DataError: naming the folder, what was found there and both accepted layouts.
    """
    shown = path_of(path)
    layouts = (
        f"Expected {shown / train}/<class>/*.jpg and {shown / valid}/<class>/*.jpg, "
        f"or {shown}/<class>/*.jpg with valid_pct=0.2."
    )
    root = existing_folder(path, expected=layouts)
    if valid_pct is None:
        _check_both(root, train, valid, layouts)
        return FolderFiles(
            root, class_files(root, train, layouts), class_files(root, valid, layouts)
        )
    check_pct(valid_pct)
    if (root / valid).is_dir():
        raise DataError(
            f"valid_pct={valid_pct:g} was given, but {root} has a folder {valid!r} too. "
            f"Leave valid_pct out to validate on {root / valid}, or move that folder away to hold "
            "out a part of the training images."
        )
    if (root / train).is_dir():
        return FolderFiles(root, class_files(root, train, layouts), None)
    files = class_files(root, "", layouts, skip=test)
    _check_not_split(root, files.names)
    return FolderFiles(root, files, None)


def _check_both(root: Path, train: str, valid: str, layouts: str) -> None:
    folders = list_folders(root)
    for wanted, option in ((train, "train"), (valid, "valid")):
        if (root / wanted).is_dir():
            continue
        words = ("train",) if option == "train" else _VALID_WORDS
        alike = [name for name in folders if any(word in name.casefold() for word in words)]
        hint = f" Did you mean {option}={alike[0]!r}?" if alike else ""
        if option == "valid" and not alike:
            hint = f" Pass valid_pct=0.2 to hold out a fifth of {root / train}."
        raise DataError(
            f"Folder {root} has no folder {wanted!r}: found {describe_folder(root)}."
            f"{hint} {layouts}{_flat_hint(root)}"
        )


def _flat_hint(folder: Path) -> str:
    return (
        " Classes in the file names are read by from_name_re, in a table by from_csv."
        if has_loose_images(folder)
        else ""
    )


def class_files(root: Path, part: str, layouts: str, *, skip: str | None = None) -> Labelled:
    """List the images of one side, labelled by the first folder below it.

    Args:
        root: the folder that the names start from.
        part: the side's folder below ``root``; empty for ``root`` itself.
        layouts: what to say was expected.
        skip: a folder that is no class.
    """
    base = root / part
    listed = list_images(base)
    codes, folders = listed.folders()
    tops = [folder.partition("/")[0] for folder in folders]
    kept = np.array([top not in ("", skip) for top in tops], dtype=bool)[codes]
    names = listed.take(np.flatnonzero(kept))
    if not names:
        raise DataError(
            f"Folder {base} has no class folders with images: found {describe_folder(base)}. "
            f"{layouts}{_flat_hint(base)}"
        )
    loose = np.array([not top for top in tops], dtype=bool)[codes]
    _warn_left_out(base, listed.take(np.flatnonzero(loose)), {*tops, skip})
    prefix = f"{Path(part).as_posix()}/" if part else ""
    return Labelled(names.with_prefix(prefix), label_by_folder(names), str(base))


def _warn_left_out(base: Path, loose: FileNames, known: set[str | None]) -> None:
    if loose:
        warn_user(
            f"{count_and_name(loose, 'image', 'images')} directly in {base} left out: "
            "an image's class is the folder it is in."
        )
    for folder in list_folders(base):
        if folder not in known:
            warn_user(
                f"Folder {base / folder} holds no images (found {describe_folder(base / folder)}), "
                f"so there is no class {folder!r}."
            )


def _check_not_split(root: Path, names: FileNames) -> None:
    """Refuse ``root/part_1/<class>`` and ``root/part_2/<class>``: the parts are no classes."""
    below: dict[str, set[str]] = {}
    _, folders = names.folders()
    for folder in folders:
        top, _, rest = folder.partition("/")
        below.setdefault(top, set()).add(rest.partition("/")[0])
    words = ("train", *_VALID_WORDS)
    if len(below) < 2 or not any(word in top.casefold() for top in below for word in words):
        return
    shared = sorted(set.intersection(*below.values()) - {""})
    if len(shared) > 1:
        first, second = sorted(below, key=lambda name: ("train" not in name.casefold(), name))[:2]
        raise DataError(
            f"The folders in {root} ({', '.join(sorted(below))}) hold the same folders "
            f"({', '.join(shared[:3])}{', ...' if len(shared) > 3 else ''}), so they look like "
            f"parts and not like classes. Pass train={first!r}, valid={second!r}, and no valid_pct."
        )


def read_test(root: Path, test: str, classes: tuple[str, ...]) -> Items:
    """List the test images; they are labelled when all of them are in folders of known classes.

    Raises:
        DataError: when the folder is missing or empty, or only some of its folders are classes.
    """
    base = existing_folder(root / test, expected="Leave test= out if there are no test images.")
    names = list_images(base)
    if not names:
        raise DataError(f"Folder {base} holds no images: found {describe_folder(base)}.")
    labels = np.full(len(names), UNLABELLED, dtype=np.int64)
    if "" not in names.folders()[1]:
        folders = label_by_folder(names)
        known = set(folders.texts) & set(classes)
        unknown = sorted(set(folders.texts) - known)
        if known and unknown:
            nearest = did_you_mean(unknown[0], classes)
            raise DataError(
                f"Folder {base / unknown[0]} is no class of the training images "
                f"({', '.join(classes)}), but {base / min(known)} is.{nearest} "
                "A test folder holds either classes or unsorted images."
            )
        if known:
            labels = encode(folders, classes)
    return Items(root, names.with_prefix(f"{Path(test).as_posix()}/"), labels)
