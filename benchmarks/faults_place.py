"""Where a training process is, in a small file that outlives it. Imports no torch."""

import mmap
import os
from pathlib import Path
from typing import Final

_WIDTH: Final = 128  # bytes of a line
_LINES: Final = 3  # what the process is at; the part of a save on its way; a shot of its own plan


class Place:
    """Three lines that a process writes for whoever kills it.

    Args:
        path: of the file, which is made if there is none.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            os.ftruncate(descriptor, _WIDTH * _LINES)
            self._lines = mmap.mmap(descriptor, _WIDTH * _LINES)
        finally:
            os.close(descriptor)

    def say(self, words: str) -> None:
        """Note what the process is at."""
        self._write(0, words)

    def saving(self, words: str) -> None:
        """Note which part of a save is on its way; empty after it."""
        self._write(1, words)

    def shoot(self, words: str) -> None:
        """Note that the process is about to shoot at itself."""
        self._write(2, words)

    @property
    def shot(self) -> str:
        """Where the process shot at itself; empty if it did not."""
        return self._line(2)

    @property
    def main(self) -> str:
        """What the process is at."""
        return self._line(0)

    def read(self) -> str:
        """Return the part of a save, if one was on its way, else what the process was at."""
        return self._line(1) or self.main

    def clear(self) -> None:
        """Forget all: a new process begins."""
        for line, words in enumerate(("import", "", "")):
            self._write(line, words)

    def _write(self, line: int, words: str) -> None:
        raw = words.encode()[:_WIDTH].ljust(_WIDTH, b"\0")
        self._lines[line * _WIDTH : (line + 1) * _WIDTH] = raw

    def _line(self, line: int) -> str:
        raw = self._lines[line * _WIDTH : (line + 1) * _WIDTH]
        return raw.rstrip(b"\0").decode(errors="replace")
