"""Plain lines, for files and pipes; and what every display can do."""

from collections.abc import Sequence
from typing import Protocol, TextIO

from learnkit.curves import Line


class Display(Protocol):
    """Draws one bar at a time and writes above it."""

    @property
    def live(self) -> bool:
        """Whether bars are drawn at all; if not, nobody need read a loss for them."""

    def open_bar(self, total: int, *, title: str, done: int = 0) -> None:
        """Show a bar of ``total`` units."""

    def move_bar(self, done: int, text: str, *, total: int | None = None) -> None:
        """Move the bar and set the text at its end, and its length if it has another one now."""

    def close_bar(self) -> None:
        """Take the bar away; nothing happens when there is none."""

    def line(self, text: str) -> None:
        """Write one line."""

    def row(self, cells: Sequence[str]) -> None:
        """Write one row of the table; the first row is its header."""

    def plot(self, lines: Sequence[Line]) -> None:
        """Draw losses over epochs below the bar, in place of those that are there."""

    def close(self) -> None:
        """Leave everything as it should stay on the screen."""


class Plain:
    """Lines only, for files and pipes."""

    live = False

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._widths: list[int] = []

    def open_bar(self, total: int, *, title: str, done: int = 0) -> None:
        """Show nothing."""

    def move_bar(self, done: int, text: str, *, total: int | None = None) -> None:
        """Show nothing."""

    def close_bar(self) -> None:
        """Show nothing."""

    def line(self, text: str) -> None:
        """Write one line, at once."""
        self.stream.write(text + "\n")
        self.stream.flush()

    def row(self, cells: Sequence[str]) -> None:
        """Write one row, right-aligned under its header."""
        if not self._widths:
            self._widths = [len(cells[0]), *(max(10, len(cell)) for cell in cells[1:])]
        pairs = zip(cells, self._widths, strict=True)
        self.line("  ".join(cell.rjust(width) for cell, width in pairs))

    def plot(self, lines: Sequence[Line]) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing is open."""
