"""Where images come from, by index. Knows nothing of labels, epochs or batches."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Protocol

from learnkit.data.decode import decode
from learnkit.data.pixels import RGB


class ImageSource(Protocol):
    """Gives image ``index`` as pixels; called from many threads at once."""

    def __len__(self) -> int:
        """How many images there are."""

    def describe(self, index: int) -> str:
        """Name one image for a message."""

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
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    def describe(self, index: int) -> str:
        """Return the path of file ``index``."""
        return str(self._root / self._names[index])

    def load(self, index: int, min_short: int) -> RGB:
        """Decode file ``index``."""
        return decode(self.describe(index), min_short=min_short)
