"""Open only plain files, whatever name a stranger gave to something else.

A folder from elsewhere may hold a pipe, which makes its reader wait for ever, or a link to a
device, which has no end. Knows nothing of what is in a file.
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final

_KINDS: Final = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read its bytes; a link is followed when it leads to one.

    Raises:
        OSError: with ``strerror`` set, when it is missing, may not be read, or is anything but a
            regular file. None of these is opened, and nothing waits.
    """
    check_regular(path, path.stat().st_mode)
    # what the name stands for may change between the look and the opening
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        check_regular(path, os.fstat(file.fileno()).st_mode)
    except OSError:
        file.close()
        raise
    return file


def size_of(file: BinaryIO) -> int:
    """Return the bytes that an open file has now."""
    return os.fstat(file.fileno()).st_size


def read_regular(path: Path, *, max_bytes: int) -> bytes:
    """Return the content of a regular file that is not too large.

    Raises:
        OSError: as `open_regular`; and before anything is read, when there is too much of it.
    """
    with open_regular(path) as file:
        size = size_of(file)
        if size > max_bytes:
            raise OSError(errno.EFBIG, f"it has {size:,} bytes, more than {max_bytes:,}")
        return file.read(size)  # no more, though it may grow


def check_regular(path: str | os.PathLike[str], mode: int) -> None:
    """Raise OSError, with ``strerror`` set, unless ``mode``, of a stat, is a regular file's."""
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    kind = next((word for test, word in _KINDS if test(mode)), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))
