"""Labellers: plain functions from a file, or from a table, to labels.

``label_by_regex`` and ``label_by_func``, which look at a file's name, are in ``labels``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from learnkit.data.labels import is_missing
from learnkit.data.table import Column, DataFrameLike, as_table, filled
from learnkit.errors import DataError


def label_by_parent(path: Path) -> str:
    """Return the name of the folder that a file is in: ``daisy`` for ``flowers/daisy/1.jpg``.

    Raises:
        DataError: for a file that is in no folder.
    """
    name = Path(path).parent.name
    if not name:
        raise DataError(f"{path} is in no folder, so it has no class.")
    return name


def label_by_path(func: Callable[[Path], object]) -> Callable[[Path], str]:
    """Return a function that labels a path by ``func(path)``.

    Raises:
        DataError: by the function returned, naming the file, when ``func`` fails or gives no label.
    """

    def label(path: Path) -> str:
        try:
            value = func(path)
        except Exception as error:
            raise DataError(
                f"The label function failed on {path}: {type(error).__name__}: {error}. "
                "It is given the file's Path."
            ) from error
        if is_missing(value):
            raise DataError(f"The label function gave no label for {path}: {value!r}.")
        return str(value)

    return label


def labels_of_column(df: DataFrameLike | Mapping[Any, Sequence[Any]], column: Column) -> list[str]:
    """Return a column of a table as labels.

    Raises:
        DataError: for a missing column, naming the nearest; for a row without a label.
    """
    return filled(as_table(df), column, "column", "label")


def split_labels(text: str, delim: str = " ") -> tuple[str, ...]:
    """Return the labels in a text that names several, in their order, each once.

    Args:
        text: ``"red car"``; blank text is no label at all.
        delim: between labels; blanks around a label do not matter.

    Raises:
        DataError: when ``delim`` is empty.

    Example:
        >>> split_labels("red; car;red", ";")
        ('red', 'car')
    """
    if not delim:
        raise DataError("delim, the text between two labels, is empty.")
    parts = text.split() if delim.isspace() and delim == " " else text.split(delim)
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
