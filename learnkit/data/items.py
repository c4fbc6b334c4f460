"""Find image files, and hold them with their labels.

Knows folders and names; knows nothing of how an image is decoded into a batch.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy.typing as npt

from learnkit.data.file_names import FileNames, NamesBuilder
from learnkit.data.index_cache import Seen, read_index, write_index
from learnkit.data.source import FileSource
from learnkit.errors import DataError
from learnkit.names import did_you_mean

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"}
    | {".tif", ".tiff", ".webp"}
)

UNLABELLED = -100
"""The label of a sample without one; torch's own ``ignore_index``."""


def is_image_name(name: str) -> bool:
    """Say whether a file name has the suffix of an image, in either case."""
    dot = name.rfind(".")  # as PurePath.suffix does, in a fraction of its time
    return dot > 0 and name[dot:].lower() in IMAGE_SUFFIXES


def list_images(folder: str | os.PathLike[str]) -> FileNames:
    """List every image under ``folder``, as sorted relative paths with ``/``.

    Hidden files and folders are left out. Links to folders are followed, unless they lead back up.
    Whatever else has an image's name is listed, a link that leads nowhere too: whoever reads it
    will say what is wrong with it. The list of a large folder is kept for the next call, which then
    only looks whether anything was added, removed or renamed.

    Returns:
        The paths, as a sequence that holds a million of them in about 30 MB.

    Raises:
        DataError: when the folder does not exist or cannot be read.
    """
    root = existing_folder(folder)
    rule = " ".join(["all but folders:", *sorted(IMAGE_SUFFIXES)])
    kept = read_index(root, rule)
    if kept is not None:
        return kept
    found, seen = NamesBuilder(), Seen()
    _walk(root, "", (root.resolve(),), found, seen)
    names = found.build()
    write_index(root, rule, names, seen)
    return names


def _walk(
    folder: Path, prefix: str, opened: tuple[Path, ...], found: NamesBuilder, seen: Seen
) -> None:
    """Add the images of ``folder``, whose true path is the last of ``opened``, in sorted order."""
    seen.folder(prefix, os.fspath(folder))  # before it is read: a change meanwhile is noticed
    names, links = _images_and_folders(folder, prefix, seen)
    for is_folder, run in groupby(names, key=lambda name: name.endswith("/")):
        if not is_folder:
            found.add(prefix, run)
            continue
        for name in run:
            below = folder / name
            true = below.resolve() if name in links else opened[-1] / name
            # a link to a folder that we are inside of would go round for ever
            if name not in links or not any(above.is_relative_to(true) for above in opened):
                _walk(below, prefix + name, (*opened, true), found, seen)


def _images_and_folders(folder: Path, prefix: str, seen: Seen) -> tuple[list[str], set[str]]:
    """Return what is in one folder, sorted, and which of the folders may be links.

    A folder's name has its ``/`` here: so it is sorted among the files as whole paths would be.
    """
    names: list[str] = []
    links: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink():
                    seen.link(prefix + entry.name, _target(entry))
                if _is_dir(entry):
                    names.append(f"{entry.name}/")
                    if entry.is_symlink() or os.name == "nt":  # which has links of another kind
                        links.add(names[-1])
                elif is_image_name(entry.name):
                    names.append(entry.name)
    except OSError as error:
        raise _unreadable(folder, error) from error
    return sorted(names), links


def _target(link: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return link.stat()
    except OSError:  # it leads nowhere, or to itself
        return None


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: OSError) -> DataError:
    return DataError(f"Folder {folder} cannot be read: {error.strerror}.")


def list_folders(folder: Path) -> list[str]:
    """List the names of the folders directly in ``folder``, sorted, hidden ones left out."""
    return [entry.name for entry in _entries(folder) if _is_dir(entry)]


def has_loose_images(folder: Path) -> bool:
    """Say whether there are images directly in a folder."""
    return any(is_image_name(entry.name) and not _is_dir(entry) for entry in _entries(folder))


def existing_folder(path: str | os.PathLike[str], *, expected: str = "") -> Path:
    """Return ``path`` as a Path with ``~`` expanded.

    Args:
        path: what the user gave.
        expected: what to say at the end of the message.

    Raises:
        DataError: when there is no such folder; the nearest name beside it is given.
    """
    folder = path_of(path)
    if folder.is_dir():
        return folder
    if folder.exists():
        found = f"{folder} is a file, not a folder."
    else:
        beside = list_folders(folder.parent) if folder.parent.is_dir() else []
        found = f"Folder {folder} does not exist.{did_you_mean(folder.name, beside)}"
    raise DataError(f"{found} {expected}".rstrip())


def path_of(given: str | os.PathLike[str]) -> Path:
    """Return what the user gave as a Path, with ``~`` expanded; DataError if it is no path."""
    if not isinstance(given, str | os.PathLike):
        raise DataError(f"A folder is given by its path, as text or a Path; found {given!r}.")
    return Path(given).expanduser()


def describe_folder(folder: Path) -> str:
    """Say in a few words what is directly in a folder, for a message.

    >>> describe_folder(Path("flowers"))  # doctest: +SKIP
    '2 folders (train, valid), 1 other file (README.md)'
    """
    entries = _entries(folder)
    folders = [entry.name for entry in entries if _is_dir(entry)]
    images = [e.name for e in entries if not _is_dir(e) and is_image_name(e.name)]
    others = [e.name for e in entries if not _is_dir(e) and not is_image_name(e.name)]
    parts = [
        count_and_name(names, one, many)
        for names, one, many in (
            (folders, "folder", "folders"),
            (images, "image", "images"),
            (others, "other file", "other files"),
        )
        if names
    ]
    return ", ".join(parts) or "nothing"


def count_and_name(names: Sequence[str], one: str, many: str, *, at_most: int = 3) -> str:
    """Say ``5 images (a.jpg, b.jpg, c.jpg, ...)``."""
    shown = ", ".join(names[:at_most]) + (", ..." if len(names) > at_most else "")
    return f"{len(names)} {one if len(names) == 1 else many} ({shown})"


@dataclass(frozen=True, eq=False, slots=True)
class Items:
    """Image files with a label each.

    Attributes:
        root: the folder that the names start from.
        names: paths relative to ``root`` (or absolute), with ``/``.
        labels: int64 (N,), indices into the classes; ``UNLABELLED`` where there is none. Or
            (N, K): bool, several labels at once; float, values.
    """

    root: Path
    names: FileNames
    labels: npt.NDArray[Any]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.names) or self.labels.ndim not in (1, 2):
            raise DataError(
                f"Items needs one label for each file: {len(self.names)} names, "
                f"labels of shape {self.labels.shape}."
            )

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        """Return the file of one sample."""
        return self.root / self.names[index]

    def source(self) -> FileSource:
        """Return what a loader reads the pixels from."""
        return FileSource(self.root, self.names)
