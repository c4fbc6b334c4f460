"""Keep the list of a large folder's images, for as long as nothing in the folder has changed.

A folder's time changes whenever something in it is added, removed or renamed. So a list is good
while every folder that was read has the same times, and every link leads where it did: a look at a
hundred folders instead of at a million files. A list that cannot be kept, or is kept no longer, or
was damaged, costs a reading of the folders and changes nothing else. Knows names and folders only.
"""

import hashlib
import io
import os
import re
import tempfile
import time
from array import array
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from learnkit.data.cache_folder import index_folder
from learnkit.data.file_names import FileNames, NamesBuilder
from learnkit.data.texts import encode_text

MIN_IMAGES: Final = 10_000
"""A list of fewer images is not kept: to read their folders takes a few milliseconds."""

MAX_FILES: Final = 64
"""As many lists are kept; those written first are removed."""

SETTLED_NS: Final = 2_000_000_000
"""A folder that changed later than this before it was read may change again at the same time."""

_FORMAT: Final = 1
_MAGIC: Final = f"learnkit index {_FORMAT}\n".encode()
_NAME_ARRAYS: Final = len(FileNames.of(()).to_arrays())
_MOUNTS: Final = Path("/proc/self/mountinfo")

Stamp: TypeAlias = tuple[int, int, int, int, int]
"""What it is, time of change, time of change of the entry itself, number, device."""

_NOTHING, _FILE, _FOLDER, _READ_FOLDER = range(4)
_WORD: Final = (1 << 64) - 1


def _stamp(stat: os.stat_result | None, *, read: bool) -> Stamp:
    """Describe what a path leads to; of a folder that is read also when it last changed."""
    if stat is None or not (S_ISDIR(stat.st_mode) or S_ISREG(stat.st_mode)):
        return _NOTHING, 0, 0, 0, 0
    if S_ISREG(stat.st_mode):
        return _FILE, 0, 0, 0, 0
    place = stat.st_ino & _WORD, stat.st_dev & _WORD
    if not read:
        return _FOLDER, 0, 0, *place
    return _READ_FOLDER, stat.st_mtime_ns & _WORD, stat.st_ctime_ns & _WORD, *place


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - a Path of each costs as much again
    except (OSError, ValueError):
        return None


class Seen:
    """What a walk through folders has looked at: the folders, and what every link led to."""

    def __init__(self) -> None:
        self._paths, self._stamps = NamesBuilder(), array("Q")
        self._began = _now()
        self._devices: set[int] = set()
        self._settled = True

    def folder(self, path: str, folder: str) -> None:
        """Note a folder before it is read.

        Args:
            path: relative to the root, with ``/`` at its end.
            folder: where it is.
        """
        stat = _stat(folder)
        self._add(path, _stamp(stat, read=True))
        if stat is not None:
            latest = max(stat.st_mtime_ns, stat.st_ctime_ns)
            # some file systems give no times, which is 0
            self._settled &= stat.st_mtime_ns > 0 and latest <= self._began - SETTLED_NS
            self._devices.add(stat.st_dev)

    def link(self, path: str, leads_to: os.stat_result | None) -> None:
        """Note a link and what it leads to; None for nothing."""
        self._add(path, _stamp(leads_to, read=False))

    def is_settled(self) -> bool:
        """Say whether every folder's times will tell when it changes again."""
        return self._settled and self._devices.isdisjoint(_devices_without_times())

    def _add(self, path: str, stamp: Stamp) -> None:
        self._paths.add("", (path,))
        self._stamps.extend(stamp)

    def to_arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Return what ``is_unchanged`` takes."""
        return *self._paths.build().to_arrays(), np.array(self._stamps, np.uint64).reshape(-1, 5)


def is_unchanged(root: Path, seen: tuple[npt.NDArray[Any], ...]) -> bool:
    """Say whether a walk from ``root`` would see the same again.

    Raises:
        ValueError: when the arrays are not those of ``Seen``.
    """
    *names, stamps = seen
    paths = FileNames.from_arrays(tuple(names))
    if stamps.dtype != np.uint64 or stamps.shape != (len(paths), 5) or not len(paths):
        raise ValueError("these arrays are not of a walk")
    begin = f"{root}{os.sep}"
    return all(
        row.tolist() == list(_stamp(_stat(begin + path), read=row[0] == _READ_FOLDER))
        for path, row in zip(paths, stamps, strict=True)
    )


def read_index(root: Path, rule: str) -> FileNames | None:
    """Return the list that was kept for ``root``, or None where there is none that is good.

    Args:
        root: the folder.
        rule: what else decides which files are in the list.
    """
    file = _index_file(root, rule)
    if file is None:
        return None
    try:
        arrays = _unpack(file.read_bytes())
        names = FileNames.from_arrays(arrays[:_NAME_ARRAYS])
        return names if is_unchanged(root, arrays[_NAME_ARRAYS:]) else None
    except (OSError, ValueError):
        return None


def write_index(root: Path, rule: str, names: FileNames, seen: Seen) -> None:
    """Keep a list, if it is a long one and a change would be noticed."""
    file = _index_file(root, rule)
    if file is None or len(names) < MIN_IMAGES or not seen.is_settled():
        return
    with suppress(OSError):  # a disk that is full or read-only costs the next walk, no more
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, _packed((*names.to_arrays(), *seen.to_arrays())))
        _remove_oldest(file.parent)


def _index_file(root: Path, rule: str) -> Path | None:
    key = "\0".join((str(_FORMAT), str(root.resolve()), rule))
    try:
        return index_folder() / f"{hashlib.sha256(encode_text(key)).hexdigest()}.index"
    except RuntimeError:  # a user without a home
        return None


def _packed(arrays: tuple[npt.NDArray[Any], ...]) -> io.BytesIO:
    stream = io.BytesIO()
    stream.write(_MAGIC + bytes(32))
    for one in arrays:
        np.lib.format.write_array(stream, one, allow_pickle=False)
    with stream.getbuffer() as view:
        view[len(_MAGIC) : len(_MAGIC) + 32] = _digest(view)
    return stream


def _unpack(data: bytes) -> tuple[npt.NDArray[Any], ...]:
    begin = len(_MAGIC) + 32
    if len(data) < begin or data[:begin] != _MAGIC + _digest(memoryview(data)):
        raise ValueError("not an index, or not a whole one")
    stream = io.BytesIO(data)
    stream.seek(begin)
    arrays: list[npt.NDArray[Any]] = []
    while stream.tell() < len(data):
        arrays.append(np.lib.format.read_array(stream, allow_pickle=False))
    return tuple(arrays)


def _digest(data: memoryview) -> bytes:
    return hashlib.sha256(data[len(_MAGIC) + 32 :]).digest()


def _replace(file: Path, content: io.BytesIO) -> None:
    """Write beside, then rename: at any instant there is a whole file or none."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.stem}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with open(handle, "wb") as stream:  # noqa: PTH123 - it is open already
            stream.write(content.getbuffer())
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _remove_oldest(folder: Path) -> None:
    ours = [file for file in folder.iterdir() if re.match(r"[0-9a-f]{64}\.", file.name)]
    ours.sort(key=lambda file: file.stat().st_mtime_ns)
    for file in ours[:-MAX_FILES]:
        file.unlink(missing_ok=True)


def _now() -> int:
    return time.time_ns()


def _devices_without_times() -> set[int]:
    """Return mounted buckets and the like, whose folders need not change when their files do."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return set()
    found: set[int] = set()
    for line in lines:
        head, _, tail = line.partition(" - ")
        if re.match(r"fuse[. ]", tail):
            major, minor = head.split()[2].split(":")
            found.add(os.makedev(int(major), int(minor)))
    return found
