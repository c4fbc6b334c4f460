"""Find image files, and hold them with their labels.

Knows folders and names; knows nothing of how an image is decoded into a batch.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from learnkit.data.source import FileSource
from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.randomness import IntArray

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"}
    | {".tif", ".tiff", ".webp"}
)

UNLABELLED = -100
"""The label of a sample without one; torch's own ``ignore_index``."""


def is_image_name(name: str) -> bool:
    """Say whether a file name has the suffix of an image, in either case."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def list_images(folder: str | os.PathLike[str]) -> list[str]:
    """List every image under ``folder``, as sorted relative paths with ``/``.

    Hidden files and folders are left out. Links are followed, unless they lead back up.

    Raises:
        DataError: when the folder does not exist or cannot be read.
    """
    found: list[str] = []
    _walk(existing_folder(folder), "", (), found)
    return sorted(found)


def _walk(folder: Path, prefix: str, opened: tuple[Path, ...], found: list[str]) -> None:
    real = folder.resolve()
    if any(above.is_relative_to(real) for above in opened):
        return  # a link to a folder that we are inside of would go round for ever
    for entry in _entries(folder):
        if _is_dir(entry):
            _walk(folder / entry.name, f"{prefix}{entry.name}/", (*opened, real), found)
        elif is_image_name(entry.name) and _is_file(entry):
            found.append(prefix + entry.name)


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise DataError(f"Folder {folder} cannot be read: {error.strerror}.") from error


def list_folders(folder: Path) -> list[str]:
    """List the names of the folders directly in ``folder``, sorted, hidden ones left out."""
    return [entry.name for entry in _entries(folder) if _is_dir(entry)]


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
        labels: int64 (N,), indices into the classes; ``UNLABELLED`` where there is none.
    """

    root: Path
    names: tuple[str, ...]
    labels: IntArray

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.names),):
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
