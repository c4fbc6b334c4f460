"""Every call by which a process changes what is on a disk, as a point where it may be stopped.

While `watched` is entered, each write, fsync, rename, mkdir, unlink and rmdir below one folder is
announced before it happens; a write when half of its bytes are in the file. Whoever listens may end
the process there, or raise the error of a full disk. The calls are replaced in ``os`` and ``io``,
where pathlib and shutil find them: the library itself knows nothing of it.
"""

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

Listener = Callable[[str], None]

_CHECKPOINT: Final = re.compile(r"step-\d+(-start|-finished)?(-before-valid|-epoch-\d+)?")
_TEMPORARY: Final = re.compile(r"\.(?:(.+)\.)?\d+\.(tmp|probe)")


def label(root: Path, path: Path) -> str:
    """Return a place below ``root`` in words that are the same for all checkpoints of a kind.

    ``.step-00000012.4711.tmp/model.safetensors`` is ``checkpoint.tmp/model.safetensors``.
    """
    parts = []
    for part in path.relative_to(root).parts:
        hidden = _TEMPORARY.fullmatch(part)
        plain, ending = (hidden[1] or "", f".{hidden[2]}") if hidden else (part, "")
        found = _CHECKPOINT.fullmatch(plain.removeprefix(".").removesuffix(".previous"))
        kind = "checkpoint" + (found[1] or "") if found else plain
        parts.append(kind + ending)
    return "/".join(parts) or "."


class _Calls:
    """What stands in the place of the calls while they are watched."""

    def __init__(self, root: Path, listener: Listener) -> None:
        self._root, self._listener = root.resolve(), listener
        self._open: dict[int, Path] = {}  # what a descriptor was opened for
        self._os_open, self._io_open, self._fsync = os.open, io.open, os.fsync

    def announce(self, what: str, path: Path | None) -> None:
        if path is not None and path.is_relative_to(self._root):
            self._listener(f"{what} {label(self._root, path)}")

    def place(self, path: Any, dir_fd: int | None = None) -> Path | None:
        if isinstance(path, int):
            return self._open.get(path)
        try:
            name = Path(os.fsdecode(path))
        except TypeError:
            return None
        if dir_fd is not None:
            folder = self._open.get(dir_fd)
            return None if folder is None else folder / name
        return Path(os.path.abspath(name))  # noqa: PTH100  # a link is a place of its own

    def os_open(self, path: Any, flags: int, *args: Any, **others: Any) -> int:
        place = self.place(path, others.get("dir_fd"))
        if flags & os.O_CREAT:
            self.announce("create", place)
        descriptor = self._os_open(path, flags, *args, **others)
        if place is not None:
            self._open[descriptor] = place
        return descriptor

    def io_open(self, file: Any, mode: str = "r", *args: Any, **others: Any) -> Any:
        place = self.place(file)
        writes = any(letter in mode for letter in "wax+")
        if writes:
            self.announce("open", place)
        opened = self._io_open(file, mode, *args, **others)
        if place is None:
            return opened
        self._open[opened.fileno()] = place
        return _Watched(opened, place, self) if writes else opened

    def fsync(self, descriptor: int) -> None:
        self.announce("fsync", self._open.get(descriptor))
        self._fsync(descriptor)

    def before(self, what: str) -> Any:
        """Return a stand-in for a call with a path."""
        call = getattr(os, what)

        def stand_in(path: Any, *args: Any, **others: Any) -> Any:
            self.announce(what, self.place(path, others.get("dir_fd")))
            return call(path, *args, **others)

        return stand_in


class _Watched:
    """A file that is being written: half of each write happens before it is announced."""

    def __init__(self, file: Any, path: Path, calls: _Calls) -> None:
        self._file, self._path, self._calls = file, path, calls

    def write(self, data: Any) -> int:
        half = len(data) // 2
        written = int(self._file.write(data[:half]))
        self._file.flush()
        self._calls.announce("write half of", self._path)
        return written + int(self._file.write(data[half:]))

    def __enter__(self) -> "_Watched":
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def watched(root: Path, listener: Listener) -> Iterator[None]:
    """Announce each change below ``root`` to ``listener``, in the thread that makes it."""
    calls = _Calls(root, listener)
    names = ("rename", "replace", "mkdir", "unlink", "remove", "rmdir")
    stand_ins = {name: calls.before(name) for name in names}
    stand_ins |= {"open": calls.os_open, "fsync": calls.fsync}
    with patch.multiple(os, **stand_ins), patch.object(io, "open", calls.io_open):
        yield
