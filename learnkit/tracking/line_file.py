"""A text file that grows by whole lines, while a fit must not end for it.

Knows lines and files; knows nothing of what the lines say.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from learnkit.data.warn import warn_user
from learnkit.errors import CheckpointError
from learnkit.files import check_writable, write_file


class LineFile:
    """Appends whole lines, each at once.

    What cannot be written, as when the disk is full, is kept and written together with the next
    line; a warning says so once. Half a line is taken away again, so that what is there can be
    read at any time.

    Args:
        path: the file; its folder is made by `check`.
        owner: the callback, for messages.
        example: a file's name to suggest, where a folder was given.
    """

    def __init__(self, path: Path, *, owner: str, example: str) -> None:
        self.path, self.owner, self.example = path, owner, example
        self._waiting: list[str] = []
        self._warned = False

    def check(self) -> None:
        """Make the folder, and see that the file can be written there.

        Raises:
            CheckpointError: when it cannot.
        """
        if self.path.is_dir():
            raise CheckpointError(
                f"{self.owner} cannot write {self.path}: it is a folder. "
                f"Give a file in it, such as {self.path / self.example}."
            )
        check_writable(self.path.parent, purpose=self.owner)

    def restart(self, lines: Sequence[str]) -> None:
        """Replace what is there by these lines, each with its line end.

        Raises:
            CheckpointError: when the file cannot be written; what was there is then untouched.
        """
        self._waiting, self._warned = [], False
        write_file(self.path, "".join(lines).encode())

    def append(self, line: str) -> None:
        """Add a line, given with its line end, after those that wait."""
        self._waiting.append(line)
        self._try("The training goes on; the lines are kept and written when there is room.")

    def close(self) -> None:
        """Try the lines that wait once more; a warning says how many are lost."""
        if not self._waiting:
            return
        self._warned = False
        self._try(f"{len(self._waiting)} lines are not in it; the History of the fit has its rows.")
        self._waiting = []

    def _try(self, what_now: str) -> None:
        try:
            _append(self.path, "".join(self._waiting).encode())
        except OSError as error:
            if not self._warned:
                self._warned = True
                reason = error.strerror or str(error)
                warn_user(f"{self.owner} cannot write {self.path}: {reason}. {what_now}")
        else:
            self._waiting = []


def _append(path: Path, data: bytes) -> None:
    """Append all of ``data`` by one call of the system, or nothing of it."""
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.truncate(size)
            raise
