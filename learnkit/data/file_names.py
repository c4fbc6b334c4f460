"""File names by the million, without a Python object for each.

A million paths in a list of texts are 90 MB, as ``Path`` objects several times that. Here the part
after the last ``/`` of every name lies in one block of bytes, and the folder before it is kept once
for all its files: 28 bytes for ``train/n01440764/n01440764_10026.JPEG``. Knows no file system.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias, final, overload

import numpy as np
import numpy.typing as npt

from learnkit.data.texts import Texts, UintArray, encode_text
from learnkit.randomness import IntArray

Codes: TypeAlias = npt.NDArray[np.uint32]
NameArrays: TypeAlias = tuple[UintArray, ...]

_AT_ONCE: Final = 4096  # as many names are looked up in the arrays together


@final
class FileNames(Sequence[str]):
    """An immutable sequence of relative paths; equal to any list or tuple of the same texts.

    Slices and choices share the text with the whole, so they are cheap.

    >>> names = FileNames.of(["cat/1.jpg", "dog/1.jpg", "dog/2.jpg"])
    >>> names[1], names[1:] == ["dog/1.jpg", "dog/2.jpg"]
    ('dog/1.jpg', True)
    """

    __slots__ = ("_codes", "_files", "_folders")
    __hash__ = None  # type: ignore[assignment]  # it would have to be that of a tuple

    def __init__(self, folders: Texts, codes: Codes, files: Texts) -> None:
        self._folders, self._codes, self._files = folders, codes, files

    @classmethod
    def of(cls, names: Iterable[str]) -> "FileNames":
        """Hold names in the order given; what is ``FileNames`` already is returned as it is."""
        if isinstance(names, FileNames):
            return names
        builder = NamesBuilder()
        for name in names:
            folder, slash, file = name.rpartition("/")
            builder.add(folder + slash, (file,))
        return builder.build()

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "FileNames": ...

    def __getitem__(self, index: int | slice) -> "str | FileNames":
        if isinstance(index, slice):
            return self._take(index)
        return self._folders[int(self._codes[index])] + self._files[index]

    def __iter__(self) -> Iterator[str]:
        last, folder = -1, ""
        for code, file in zip(self._each_code(), self._files, strict=True):
            if code != last:  # files of one folder mostly follow each other
                last, folder = code, self._folders[code]
            yield folder + file

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        shown = ", ".join(repr(name) for name in self[:2]) + (", ..." if len(self) > 2 else "")
        return f"FileNames({len(self)}: {shown})" if len(self) else "FileNames(0)"

    def take(self, indices: IntArray) -> "FileNames":
        """Return the names at ``indices``, in that order."""
        return self._take(indices)

    def with_prefix(self, prefix: str) -> "FileNames":
        """Return the names with a folder, which ends with ``/``, before each.

        It costs as much as there are folders, however many names there are.

        Raises:
            ValueError: when ``prefix`` is no folder.
        """
        if prefix and not prefix.endswith("/"):
            raise ValueError(f"a folder ends with '/': found {prefix!r}")
        folders = Texts.of(prefix + folder for folder in self._folders)
        return FileNames(folders, self._codes, self._files)

    def folders(self) -> tuple[Codes, tuple[str, ...]]:
        """Return the folder of each name: a number, and what the numbers stand for.

        A folder is all of a name up to its last ``/``, that included; ``""`` where it has none.
        Only folders that occur are given, in no special order.
        """
        counts = np.bincount(self._codes, minlength=len(self._folders))
        used = np.flatnonzero(counts)
        places = np.zeros(len(counts), dtype=np.uint32)
        places[used] = np.arange(len(used), dtype=np.uint32)
        return places[self._codes], tuple(self._folders.take(used))

    def digest(self) -> str:
        """Return the SHA-256 of the names in their order, as hexadecimal digits.

        It does not depend on how the names were put together.
        """
        folders = list(self._folders.encoded())
        lengths = np.array([len(folder) for folder in folders], dtype=np.int64)[self._codes]
        lengths += self._files.ends.astype(np.int64) - self._files.starts.astype(np.int64)
        sha = hashlib.sha256(lengths.astype("<i8").tobytes())  # so that no other cuts are equal
        for code, file in zip(self._each_code(), self._files.encoded(), strict=True):
            sha.update(folders[code] + file)
        return sha.hexdigest()

    def to_arrays(self) -> NameArrays:
        """Return what ``from_arrays`` takes, without the text of names that are not in it."""
        codes, folders = self.folders()
        return (*self._files.to_arrays(), codes, *Texts.of(folders).to_arrays())

    @classmethod
    def from_arrays(cls, arrays: NameArrays) -> "FileNames":
        """Return the names that ``to_arrays`` was called on.

        Raises:
            ValueError: when the arrays do not fit together.
        """
        if len(arrays) != len(cls.of(()).to_arrays()):
            raise ValueError("these arrays hold no names")
        files, folders = Texts.from_arrays(*arrays[:2]), Texts.from_arrays(*arrays[3:])
        codes = arrays[2]
        fits = codes.dtype == np.uint32 and codes.shape == (len(files),)
        if not fits or (len(codes) and int(codes.max()) >= len(folders)):
            raise ValueError("these arrays hold no names")
        return cls(folders, codes, files)

    def _take(self, which: IntArray | slice) -> "FileNames":
        return FileNames(self._folders, self._codes[which], self._files.take(which))

    def _each_code(self) -> Iterator[int]:
        for first in range(0, len(self), _AT_ONCE):
            yield from self._codes[first : first + _AT_ONCE].tolist()


@final
class NamesBuilder:
    """Puts names together, folder by folder."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._codes = array("I")
        self._blob, self._ends = bytearray(), array("Q")

    def add(self, folder: str, files: Iterable[str]) -> None:
        """Append ``folder + file`` for each file; ``folder`` ends with ``/`` or is empty."""
        code = self._places.setdefault(folder, len(self._places))
        for file in files:
            self._blob += encode_text(file)
            self._ends.append(len(self._blob))
            self._codes.append(code)

    def build(self) -> FileNames:
        """Return the names added."""
        codes = np.array(self._codes, dtype=np.uint32)
        return FileNames(Texts.of(self._places), codes, Texts.ending(self._blob, self._ends))
