"""Texts with their labels, from tables, lists and folders. Knows no tokens."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from learnkit.data.items import describe_folder, list_folders
from learnkit.data.multi_labels import cut_labels, is_label_list
from learnkit.data.table import Column, Table, filled
from learnkit.errors import DataError
from learnkit.randomness import IntArray
from learnkit.regular_file import read_regular

SUFFIX: Final = ".txt"
_MAX_FILE: Final = 64 << 20  # bytes of one text


class TextRows(NamedTuple):
    """Texts of one side, or of both before they are split.

    Attributes:
        texts: none of them blank.
        labels: one for each; blank where ``sets`` has them.
        rows: what a message calls each text.
        where: what a message calls all of them.
        sets: where a text may have several labels or none, those of each.
    """

    texts: list[str]
    labels: list[str]
    rows: list[str]
    where: str
    sets: list[tuple[str, ...]] | None = None

    def take(self, indices: IntArray, where: str) -> "TextRows":
        """Return the rows at ``indices``, called ``where``."""
        places = indices.tolist()
        texts, labels = [self.texts[i] for i in places], [self.labels[i] for i in places]
        sets = None if self.sets is None else [self.sets[i] for i in places]
        return TextRows(texts, labels, [self.rows[i] for i in places], where, sets)


def rows_of_table(
    table: Table, *, text_col: Column, label_col: Column, label_delim: str | None = None
) -> TextRows:
    """Read the texts and labels of a table.

    Args:
        table: columns of equal length.
        text_col: the column of texts, by name or by place from 0.
        label_col: the column of labels; cells that are lists are several labels each.
        label_delim: between the labels of a text, of which there may be several or none.

    Raises:
        DataError: for a missing column, naming the nearest; for a row without a text or label.
    """
    texts = filled(table, text_col, "text_col", "text")
    cells, sets = table.column(label_col, "label_col"), None
    if label_delim is not None or any(map(is_label_list, cells)):
        sets = [tuple(labels) for labels in cut_labels(table, cells, label_delim)]
        labels = [""] * len(texts)
    else:
        labels = filled(table, label_col, "label_col", "label")
    # a place counts from the front: the table's title is in each message already
    names = [f"{table.title}, {row}" for row in table.rows]
    return TextRows(texts, labels, names, table.title[:1].lower() + table.title[1:], sets)


def rows_of_folder(root: Path, part: str, *, skip: Sequence[str] = ()) -> TextRows:
    """Read ``root/part/<class>/**/*.txt``; a text's class is the first folder.

    Raises:
        DataError: when there are none, or one is blank, not in UTF-8, or cannot be read.
    """
    base = root / part
    texts: list[str] = []
    labels: list[str] = []
    names: list[str] = []
    for label in (name for name in list_folders(base) if name not in skip):
        for file in sorted((base / label).rglob(f"*{SUFFIX}")):
            texts.append(_read(file))
            labels.append(label)
            names.append(os.fspath(file.relative_to(root)))
    if not texts:
        raise DataError(
            f"Folder {base} has no class folders with {SUFFIX} files: found "
            f"{describe_folder(base)}. Expected {base}/<class>/*{SUFFIX}; texts in a table are "
            "read by from_csv."
        )
    return TextRows(texts, labels, names, str(base))


def _read(file: Path) -> str:
    try:
        text = read_regular(file, max_bytes=_MAX_FILE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Text {file} is not in UTF-8 from byte {error.start} on. Save it in UTF-8."
        ) from error
    except OSError as error:
        raise DataError(f"Text {file} cannot be read: {error.strerror}.") from error
    if not text.strip():
        raise DataError(f"Text {file} is empty. Write something in it, or remove the file.")
    return text
