"""Where progress is drawn: a terminal, a notebook, or a file that gets plain lines.

A display draws one bar at a time, and writes lines and table rows above it. Knows nothing of
training.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from typing import Any, Literal, Protocol, TextIO, TypeAlias

from typing_extensions import override

Style: TypeAlias = Literal["auto", "terminal", "notebook", "plain"]


class Display(Protocol):
    """Draws one bar at a time and writes above it."""

    @property
    def live(self) -> bool:
        """Whether bars are drawn at all; if not, nobody need read a loss for them."""

    def open_bar(self, total: int, *, title: str, done: int = 0) -> None:
        """Show a bar of ``total`` units."""

    def move_bar(self, done: int, text: str) -> None:
        """Move the bar and set the text at its end."""

    def close_bar(self) -> None:
        """Take the bar away; nothing happens when there is none."""

    def line(self, text: str) -> None:
        """Write one line."""

    def row(self, cells: Sequence[str]) -> None:
        """Write one row of the table; the first row is its header."""

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

    def move_bar(self, done: int, text: str) -> None:
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

    def close(self) -> None:
        """Nothing is open."""


class Tqdm(Plain):
    """A tqdm bar that goes away when its phase ends; lines are written above it."""

    live = True

    def __init__(self, stream: TextIO, bar_type: Any = None) -> None:
        super().__init__(stream)
        self._bar_type: Any = bar_type or _quiet_tqdm()
        self._bar: Any = None

    @override
    def open_bar(self, total: int, *, title: str, done: int = 0) -> None:
        self.close_bar()
        options: dict[str, Any] = {"desc": title, "initial": done, "leave": False}
        self._bar = self._bar_type(total=total, file=self.stream, dynamic_ncols=True, **options)

    @override
    def move_bar(self, done: int, text: str) -> None:
        if self._bar is not None:
            self._bar.n = done
            self._bar.set_postfix_str(text, refresh=True)

    @override
    def close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @override
    def line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        super().line(text)

    @override
    def close(self) -> None:
        self.close_bar()


class FastProgress:
    """fastprogress' table and bars in a notebook cell."""

    live = True

    def __init__(self, stream: TextIO, module: Any) -> None:
        self._plain = Plain(stream)
        self._module = module
        self._master: Any = None
        self._bar: Any = None

    def open_bar(self, total: int, *, title: str, done: int = 0) -> None:
        """Show a bar under the table; its title goes to the end of the bar."""
        self._bar = self._module.NBProgressBar(range(total), parent=self._begin(), comment=title)
        self._bar.update(0)
        if done:
            self._bar.update(done)

    def move_bar(self, done: int, text: str) -> None:
        """Move the bar and set its text."""
        if self._bar is not None:
            self._bar.comment = text
            self._bar.wait_for = 0  # the caller is rare enough already
            self._bar.update(done)

    def close_bar(self) -> None:
        """Leave the bar in place for the next one; fastprogress reuses it."""
        self._bar = None

    def line(self, text: str) -> None:
        """Write one line to the cell's output."""
        self._plain.line(text)

    def row(self, cells: Sequence[str]) -> None:
        """Add a row to the HTML table."""
        self._begin().write(list(cells), table=True)
        self._master.show()

    def close(self) -> None:
        """Leave the table alone in the cell."""
        if self._master is not None:
            self._master.on_iter_end()
            self._master = self._bar = None

    def _begin(self) -> Any:
        if self._master is None:
            self._master = self._module.NBMasterBar(range(1))
            self._master.order = ["text", "pb2"]  # epochs are counted by the table
            self._master.on_iter_begin()
        return self._master


def make_display(style: Style, stream: TextIO) -> Display:
    """Return the display that suits where the output goes.

    Args:
        style: ``"auto"`` looks at the stream and at whether this is a notebook.
        stream: where lines and bars go.
    """
    if style == "auto":
        style = "notebook" if in_notebook() else "terminal" if stream.isatty() else "plain"
    if style == "plain":
        return Plain(stream)
    return _notebook(stream) if style == "notebook" else Tqdm(stream)


def in_notebook() -> bool:
    """Say whether this runs in a Jupyter kernel or in Colab, without importing IPython."""
    ipython = sys.modules.get("IPython")
    shell = type(ipython.get_ipython()) if ipython is not None else type(None)
    return shell.__name__ == "ZMQInteractiveShell" or shell.__module__.startswith("google.colab")


def _quiet_tqdm() -> Any:
    """Return tqdm without the thread it starts to redraw stalled bars."""
    return type("_Bar", (importlib.import_module("tqdm").tqdm,), {"monitor_interval": 0})


def _notebook(stream: TextIO) -> Display:
    # fastprogress from 1.1 on has other classes, and draws only where it saw a notebook itself
    if importlib.util.find_spec("fastprogress") is not None:
        module = importlib.import_module("fastprogress.fastprogress")
        if getattr(module, "IN_NOTEBOOK", False) and hasattr(module, "NBMasterBar"):
            return FastProgress(stream, module)
    if importlib.util.find_spec("ipywidgets") is not None:
        return Tqdm(stream, importlib.import_module("tqdm.notebook").tqdm)
    return Tqdm(stream)
