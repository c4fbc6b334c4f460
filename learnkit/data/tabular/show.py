"""Rows of a batch as a table of text."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

from learnkit.data.show_text import show_text

_WIDEST: Final = 24  # letters of a cell


def text_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows of equal columns as aligned text, a header first; long cells are cut."""
    names = list(rows[0])
    lines = [names, *([_cut(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def print_table(
    rows: Sequence[Mapping[str, str]], path: str | os.PathLike[str] | None = None
) -> None:
    """Print rows, or write them to a text file."""
    show_text(f"{text_table(rows)}\n", path)
