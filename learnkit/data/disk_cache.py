"""Keep prepared images in one memory-mapped file, from which any process reads them again.

The file begins with a header and a table of one row an image; the images follow in the order in
which they were added. Whoever adds one locks the file, appends the image, then writes its row, so
several processes can fill it at once, and one that is killed leaves a shorter file, not a wrong
one. Each row has the stamp of the file that the image was made of, and a checksum of the image, its
index and the rest of the row, looked at once by every process. What is damaged is noticed and made
anew.

::

    header   512 bytes   magic, number of images, SHA-256 of the key, what it holds in words
    table    32 bytes an image: offset, stamp, length, height, width, checksum; zeros for none
    images   raw pixels (height, width, 3), or JPEGs (height = width = 0)

Knows nothing of batches, and not how an image is prepared: that is part of the key.
"""

import hashlib
import mmap
import os
import struct
import tempfile
import threading
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from learnkit.data.cache import packed, unpacked
from learnkit.data.pixels import RGB
from learnkit.data.warn import warn_user

SUFFIX: Final = ".images"
UNFINISHED: Final = ".part"
_MAGIC: Final = b"learnkit images\x01"  # raise the last byte when the form changes
_HEADER: Final = struct.Struct("<16sQ32s456s")
_ROW: Final = struct.Struct("<QQIIII")


class DiskCache:
    """Images in a file of ``folder``.

    Args:
        folder: where the file is, under a name made of ``key``.
        key: everything that decides what the images look like.
        n: how many images there are.
        limit: bytes that the file may have; what does not fit is not kept.
        jpeg: keep small JPEGs instead of pixels: an eighth of the bytes, and slower.
        words: what the file holds, for people who look.

    Raises:
        OSError: when the file cannot be made, opened or locked.
    """

    def __init__(
        self, folder: Path, key: str, n: int, *, limit: int, jpeg: bool = False, words: str = ""
    ) -> None:
        if not hasattr(os, "pwrite"):  # Windows
            raise OSError("this system cannot share a file in the way it needs")
        self._jpeg, self._limit, self._n = jpeg, limit, n
        self._lock, self._process = threading.RLock(), os.getpid()
        self._right = bytearray(n * _ROW.size)  # the rows whose checksum was right
        self._header = _HEADER.pack(
            _MAGIC, n, _digest(key), words.encode("utf-8", "replace")[:456].ljust(456)
        )
        self.path = path_of(folder, key)
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = self._opened()
        with _locked(self._fd):  # fails here where files cannot be locked, and not in a thread
            os.utime(self._fd)
        self._full = False
        self._map()

    def __del__(self) -> None:
        fd, self._fd = getattr(self, "_fd", -1), -1
        if fd >= 0:
            os.close(fd)

    def __len__(self) -> int:
        return _count(self._memory[_HEADER.size : self._place(self._n)])

    def get(self, index: int, stamp: int) -> RGB | None:
        """Return the image if it is there, whole, and of this stamp."""
        place = self._place(index)
        row = self._memory[place : place + _ROW.size]  # a copy: others may write to it
        offset, known, length, height, width, checksum = _ROW.unpack(row)
        if not offset or known != stamp:
            return None
        if offset + length > len(self._memory):
            self._map()
        memory = self._memory
        if offset + length > len(memory):
            return None  # the file was cut off
        entry = np.frombuffer(memory, np.uint8, length, offset)
        mark = slice(index * _ROW.size, (index + 1) * _ROW.size)
        if self._right[mark] != row:
            if _checksum(index, row, entry) != checksum:
                return None
            self._right[mark] = row
        return unpacked(entry) if self._jpeg else entry.reshape(height, width, 3)

    def put(self, index: int, stamp: int, image: RGB) -> RGB:
        """Append an image if there is room, unless another process was faster."""
        entry = packed(image) if self._jpeg else np.ascontiguousarray(image)
        # a fork shares the lock of its parent, so it must not write
        if not self._full and os.getpid() == self._process:
            shape = (0, 0) if self._jpeg else image.shape[:2]
            try:
                self._append(index, stamp, entry, *shape)
            except OSError as error:
                self._full = True
                warn_user(
                    f"Decoded images can no longer be kept in {self.path.parent}: "
                    f"{error.strerror or error}. Those that are not there are decoded in each "
                    "epoch. Make room, set LEARNKIT_HOME to another folder, or pass cache=None."
                )
        return unpacked(entry) if self._jpeg else image

    def _append(self, index: int, stamp: int, entry: RGB, height: int, width: int) -> None:
        with self._lock, _locked(self._fd):
            if self._full or self.get(index, stamp) is not None:
                return
            offset = os.fstat(self._fd).st_size
            if offset + entry.nbytes > self._limit:
                self._full = True
                return
            _write(self._fd, entry.data.cast("B"), offset)
            row = _ROW.pack(offset, stamp, entry.nbytes, height, width, 0)
            row = row[:-4] + _checksum(index, row, entry).to_bytes(4, "little")
            _write(self._fd, memoryview(row), self._place(index))

    def _place(self, index: int) -> int:
        return _HEADER.size + index * _ROW.size

    def _map(self) -> None:
        """Map the whole file anew, as it has grown; images given out keep the older map alive."""
        with self._lock:
            self._memory = mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ)

    def _opened(self) -> int:
        for _ in range(3):  # another process may replace or remove the file in between
            with suppress(FileNotFoundError):
                fd = os.open(self.path, os.O_RDWR)
                try:
                    if self._is_ours(fd):
                        return fd
                except OSError:
                    os.close(fd)
                    raise
                os.close(fd)
                # never cut: another process may have it mapped, and would be killed
                self.path.unlink(missing_ok=True)
            self._make()
        raise OSError(f"{self.path} cannot be opened")

    def _is_ours(self, fd: int) -> bool:
        begins = os.pread(fd, _HEADER.size, 0)
        return begins == self._header and os.fstat(fd).st_size >= self._place(self._n)

    def _make(self) -> None:
        """Write an empty file; if another process makes it too, the first one's stays."""
        fd, name = tempfile.mkstemp(
            prefix=f"{self.path.stem}.", suffix=UNFINISHED, dir=self.path.parent
        )
        try:
            _write(fd, memoryview(self._header), 0)
            os.truncate(fd, self._place(self._n))
            try:
                os.link(name, self.path)
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                Path(name).replace(self.path)
        finally:
            os.close(fd)
            Path(name).unlink(missing_ok=True)


def _checksum(index: int, row: bytes, entry: RGB) -> int:
    """Return the checksum of all that a row says, whose it is, and of the image."""
    return zlib.crc32(entry.data, zlib.crc32(row[:-4], index))


def _count(table: bytes) -> int:
    """Return how many rows of a table are in use; the last one may be cut off."""
    rows = np.frombuffer(table[: len(table) // _ROW.size * _ROW.size], "<u8")
    return int(np.count_nonzero(rows[:: _ROW.size // 8]))


def _write(fd: int, data: memoryview, offset: int) -> None:
    while len(data):
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written


@contextmanager
def _locked(fd: int) -> Iterator[None]:
    """Keep other processes from adding at the same time."""
    import fcntl  # which Windows has not

    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


@dataclass(frozen=True, slots=True)
class CacheFile:
    """What is known of one file of a folder.

    Attributes:
        path: where it is.
        nbytes: its size.
        kept: images in it.
        n: images it is for.
        words: what it holds.
        used: when it was opened last, in seconds since 1970.
    """

    path: Path
    nbytes: int
    kept: int
    n: int
    words: str
    used: float


def cache_files(folder: Path) -> list[CacheFile]:
    """Return the files of a folder, the one used longest ago first; damaged ones too."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            found.append(_described(path))
    return sorted(found, key=lambda file: file.used)


def _described(path: Path) -> CacheFile:
    stat = path.stat()
    n, kept, words = 0, 0, "damaged"
    with path.open("rb") as file:
        begins = file.read(_HEADER.size)
        if len(begins) == _HEADER.size and begins.startswith(_MAGIC):
            _, n, _, raw = _HEADER.unpack(begins)
            words = raw.decode("utf-8", "replace").rstrip()
            kept = _count(file.read(min(n * _ROW.size, stat.st_size)))
    return CacheFile(path, stat.st_size, kept, n, words, stat.st_mtime)


def make_room(folder: Path, nbytes: int, limit: int, *, keep: Collection[Path]) -> None:
    """Delete the files used longest ago until ``nbytes`` fit into ``limit`` beside the others.

    A process that still reads a deleted file goes on with it.

    Args:
        folder: of the files.
        nbytes: that the files ``keep`` have or will have.
        limit: for all files together.
        keep: are not deleted.
    """
    others = [file for file in cache_files(folder) if file.path not in keep]
    held = sum(file.nbytes for file in others)
    for file in others:
        if held + nbytes <= limit:
            return
        with suppress(OSError):
            file.path.unlink()
            held -= file.nbytes


def path_of(folder: Path, key: str) -> Path:
    """Return the file of ``folder`` that belongs to ``key``."""
    return folder / f"{_digest(key).hex()[:32]}{SUFFIX}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
