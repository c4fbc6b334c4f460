"""One process at a time may write into a folder; the system lets go for one that has died."""

import functools
import os
import weakref
from pathlib import Path
from typing import Final

from learnkit.errors import CheckpointError

_NAME: Final = ".lock"


class FolderLock:
    """A lock on a folder, held until it is released or this process has ended in whatever way.

    A process that is forked from this one, such as a worker of a DataLoader, does not hold it: that
    may outlive a process that was killed. Where the system or the file system knows no locks there
    is none.

    Args:
        folder: which must exist; the lock is on a file in it.

    Raises:
        CheckpointError: when another process, or another fit of this one, holds it, or when the
            file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        try:
            import fcntl  # there is none on Windows
        except ImportError:
            return
        try:
            self._descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise CheckpointError(
                f"cannot write {folder / _NAME}: {error.strerror}. Give a folder that you may "
                "write to."
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise CheckpointError(
                f"another fit is writing checkpoints into {folder}. Wait for it, or give this one "
                "a folder of its own."
            ) from None
        except OSError:  # a file system without locks
            self.release()
        _held().add(self)

    def release(self) -> None:
        """Let go; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        """Let go where nobody could: Ctrl-C may come between taking the lock and noting it."""
        self.release()


@functools.cache
def _held() -> "weakref.WeakSet[FolderLock]":
    """Return the locks of this process; what is forked from it closes its copies of them."""
    held: weakref.WeakSet[FolderLock] = weakref.WeakSet()

    def close_copies() -> None:
        for lock in list(held):
            lock.release()

    os.register_at_fork(after_in_child=close_copies)
    return held
