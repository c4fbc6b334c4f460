"""Rows in words: on the screen, or in a text file."""

import os
import sys
from pathlib import Path
from typing import Final

from learnkit.errors import DataError

_PICTURES: Final = frozenset({".gif", ".jpeg", ".jpg", ".pdf", ".png", ".svg", ".tiff", ".webp"})


def show_text(text: str, path: str | os.PathLike[str] | None = None) -> None:
    """Print a text, or write it to a file in UTF-8.

    Raises:
        DataError: when ``path`` is a picture's name.
    """
    if path is None:
        sys.stdout.write(text)
        return
    file = Path(path)
    if file.suffix.lower() in _PICTURES:
        raise DataError(
            f"This data is shown in words, as rows, and {file.name} is the name of a picture: "
            f'pass path="{file.stem}.txt", or no path to print them.'
        )
    file.write_text(text, encoding="utf-8")
