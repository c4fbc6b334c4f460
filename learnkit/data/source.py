"""Where images come from, by index. Knows nothing of labels, epochs or batches."""

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Protocol

from learnkit.data.decode import ImageLike, decode, decode_any, unreadable
from learnkit.data.file_names import FileNames
from learnkit.data.pixels import RGB
from learnkit.randomness import mix
from learnkit.regular_file import check_regular


class ImageSource(Protocol):
    """Gives image ``index`` as pixels; called from many threads at once."""

    def __len__(self) -> int:
        """How many images there are."""

    def describe(self, index: int) -> str:
        """Name one image for a message."""

    @property
    def key(self) -> str:
        """The same in every process for the same images; empty where nothing can promise that."""

    def stamp(self, index: int) -> int:
        """Return a number that is another one once the image has changed; any where it cannot.

        Raises:
            DataError: when the image is gone.
        """

    def load(self, index: int, min_short: int) -> RGB:
        """Return uint8 (H, W, 3), the same every time.

        It may be smaller than the original as long as its short side has ``min_short`` pixels.

        Raises:
            DataError: when this one image cannot be read; the loader leaves it out.
        """


class FileSource:
    """Image files of one folder, by their relative names."""

    def __init__(self, root: str | PathLike[str], names: Sequence[str]) -> None:
        self._root = Path(root)
        self._begins = os.path.join(os.fspath(root), "")  # noqa: PTH118  # asked for every image
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @property
    def root(self) -> Path:
        """The folder that the names start from."""
        return self._root

    @property
    def key(self) -> str:
        """The folder and all names in it, as a digest."""
        return f"{self._root.absolute()} {self.names_digest}"

    @property
    def names_digest(self) -> str:
        """The SHA-256 of all names, the same wherever the folder is."""
        return FileNames.of(self._names).digest()

    def describe(self, index: int) -> str:
        """Return the path of file ``index``."""
        return str(self._root / self._names[index])

    def stamp(self, index: int) -> int:
        """Return a number made of the file's size and times of change.

        Raises:
            DataError: when there is no file of that name, or something that must not be opened: a
                pipe would keep its reader waiting for ever.
        """
        path = os.path.join(self._begins, self._names[index])  # noqa: PTH118  # names may be absolute
        try:
            stat = os.stat(path)  # noqa: PTH116
            check_regular(path, stat.st_mode)
        except (OSError, ValueError) as error:
            raise unreadable(path, _why_missing(path, error)) from None
        return mix(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) | 1

    def load(self, index: int, min_short: int) -> RGB:
        """Decode file ``index``."""
        return decode(self.describe(index), min_short=min_short)


class ItemSource:
    """Images in whatever form a user holds them, such as paths, bytes, PIL images and arrays."""

    key = ""

    def __init__(self, items: Sequence[ImageLike]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def describe(self, index: int) -> str:
        """Return the path of item ``index``, or ``image 7``."""
        item = self._items[index]
        return os.fspath(item) if isinstance(item, str | os.PathLike) else f"image {index}"

    def stamp(self, index: int) -> int:
        """Return 0: nothing is kept of such images."""
        return 0

    def load(self, index: int, min_short: int) -> RGB:
        """Decode or convert item ``index``."""
        return decode_any(self._items[index], min_short=min_short)


def _why_missing(path: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        if os.path.islink(path):  # noqa: PTH114
            return f"it is a link to {os.readlink(path)}, which does not exist"  # noqa: PTH115
        return "the file does not exist"
    return getattr(error, "strerror", None) or str(error)
