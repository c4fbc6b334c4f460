"""A table, a bar and a picture of the losses in a notebook cell, by fastprogress."""

import base64
import importlib.util
import io
from collections.abc import Sequence
from html import escape
from typing import Any, TextIO

from learnkit.curves import Line, draw_lines
from learnkit.display.plain import Plain
from learnkit.figures import new_figure


class FastProgress:
    """fastprogress' table and bars in a notebook cell, and the losses below where they are given.

    What is not learnkit's own, such as a metric's name, is escaped.
    """

    live = True

    def __init__(self, stream: TextIO, module: Any) -> None:
        self._plain = Plain(stream)
        self._module = module
        self._master: Any = None
        self._bar: Any = None
        self._picture: Any = None

    def open_bar(self, total: int, *, title: str, done: int = 0) -> None:
        """Show a bar under the table; its title goes to the end of the bar."""
        parent, comment = self._begin(), escape(title)
        self._bar = self._module.NBProgressBar(range(total), parent=parent, comment=comment)
        self._bar.update(0)
        if done:
            self._bar.update(done)

    def move_bar(self, done: int, text: str, *, total: int | None = None) -> None:
        """Move the bar and set its text."""
        if self._bar is not None:
            self._bar.total = self._bar.total if total is None else total
            self._bar.comment = escape(text)
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
        self._begin().write([escape(cell) for cell in cells], table=True)
        self._master.show()

    def plot(self, lines: Sequence[Line]) -> None:
        """Draw the losses below the bar; nothing where matplotlib is not installed."""
        if importlib.util.find_spec("matplotlib") is None:
            return
        self._begin()
        # as an image: a figure shows itself only where pyplot was set up for the notebook
        picture = self._module.HTML(f'<img alt="losses" src="{_as_url(lines)}">')
        if self._picture is None:
            self._picture = self._module.display(picture, display_id=True)
        else:
            self._picture.update(picture)

    def close(self) -> None:
        """Leave the table, and the picture if there is one, alone in the cell."""
        if self._master is not None:
            self._master.on_iter_end()
            self._master = self._bar = self._picture = None

    def _begin(self) -> Any:
        if self._master is None:
            self._master = self._module.NBMasterBar(range(1))
            self._master.order = ["text", "pb2"]  # epochs are counted by the table
            self._master.on_iter_begin()
        return self._master


def _as_url(lines: Sequence[Line]) -> str:
    # any path keeps the figure out of pyplot, which would show it once more
    figure = new_figure((5, 3), path="losses.png", purpose="the progress bar")
    draw_lines(figure.subplots(), lines, x="epoch", y="loss")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=80)
    return f"data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}"
