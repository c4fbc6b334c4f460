"""Files with the same bytes on both sides of a split. Knows files, not images or loaders."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

_TAIL: Final = 4096  # bytes at the end of a file, which differ even where headers are alike
_AT_ONCE: Final = 1 << 20

Key: TypeAlias = Callable[[str], int | bytes]  # of a file; 0 or empty where it has none


class SameFile(NamedTuple):
    """A file of one side that has the bytes of a file of the other."""

    path: str
    twin: str


def same_files(
    paths: Iterable[str], others: Iterable[str], *, max_bytes: int | None = None
) -> list[SameFile]:
    """Return the files of ``paths`` that are byte for byte among ``others``, each once.

    Only files that share their size are opened, and only those that share their last 4096 bytes are
    read as a whole, by SHA-256. Empty files, and files that cannot be read, have no twin. Links are
    followed.

    Args:
        paths: whose twins are looked for.
        others: where they are looked for.
        max_bytes: read no more than about that, and return what was found so far; None reads on.
    """
    reader = _Reader(max_bytes)
    found: list[SameFile] = []
    try:
        for twin in _twins(list(paths), list(others), (size_of, reader.tail, reader.whole)):
            found.append(twin)  # one by one: what was found before the error is kept
    except _SpentError:
        pass
    return found


def size_of(path: str) -> int:
    """Return a file's bytes; 0 where there is no file."""
    try:
        return os.stat(path).st_size  # noqa: PTH116  # asked for every image
    except (OSError, ValueError):
        return 0


def _twins(paths: list[str], others: list[str], keys: Sequence[Key]) -> Iterator[SameFile]:
    """Compare by the first key, and where that is the same by the next one."""
    if not keys:
        yield from (SameFile(path, others[0]) for path in paths)
        return
    theirs = _grouped(others, keys[0])
    for value, group in _grouped(paths, keys[0]).items():
        if value in theirs:
            yield from _twins(group, theirs[value], keys[1:])


def _grouped(paths: list[str], key: Key) -> dict[int | bytes, list[str]]:
    groups: dict[int | bytes, list[str]] = {}
    for path in paths:
        groups.setdefault(key(path), []).append(path)
    groups.pop(0, None)
    groups.pop(b"", None)
    return groups


class _SpentError(Exception):
    """So much was read that no more may be."""


class _Reader:
    """Digests of files, of not much more than a number of bytes in all."""

    def __init__(self, max_bytes: int | None) -> None:
        self._left = max_bytes

    def tail(self, path: str) -> bytes:
        """Return the SHA-256 of a file's end; empty where it cannot be read."""
        return self._digest(path, max(0, size_of(path) - _TAIL))

    def whole(self, path: str) -> bytes:
        """Return the SHA-256 of a file; empty where it cannot be read."""
        return self._digest(path, 0)

    def _digest(self, path: str, start: int) -> bytes:
        sha = hashlib.sha256()
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # read as it is
                file.seek(start)
                while part := file.read(_AT_ONCE):
                    sha.update(part)
                    self._spend(len(part))
        except OSError:
            return b""
        return sha.digest()

    def _spend(self, n: int) -> None:
        if self._left is not None:
            self._left -= n
            if self._left < 0:
                raise _SpentError
