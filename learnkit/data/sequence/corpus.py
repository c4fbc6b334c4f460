"""Texts to train on: as given or from a file, and the part that is held out."""

import math
import os
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final, TypeAlias

from learnkit.data.split import held_out_words, split_groups
from learnkit.errors import DataError
from learnkit.names import did_you_mean

Texts: TypeAlias = str | PathLike[str] | Sequence[str]

_MAX_PATH: Final = 1_000  # letters; a longer str is a text
_FILE: Final = re.compile(r"\S+\.[A-Za-z]\w{1,4}|.+\.(txt|text|md|csv|json)|\S*[/\\]\S*")


def read_texts(source: Texts, *, lines: bool) -> list[str]:
    """Return the texts of a source.

    Args:
        source: a text; the path of a file, in UTF-8; or several texts.
        lines: whether each line is a text of its own; empty ones are left out.

    Raises:
        DataError: when a file does not exist or cannot be read, or there is nothing to read.
    """
    if isinstance(source, str | os.PathLike):
        texts = [_read(Path(source)) if _is_file(source) else str(source)]
    else:
        texts = list(source)
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(f"text {place} must be a str; found {type(text).__name__}.")
    if lines:
        texts = [line for text in texts for line in text.splitlines()]
    texts = [text for text in texts if text]
    if not texts:
        raise DataError("the text is empty: there is nothing to learn from.")
    return texts


def _is_file(source: str | PathLike[str]) -> bool:
    if isinstance(source, os.PathLike):
        return True
    if len(source) > _MAX_PATH or "\n" in source or "\0" in source:
        return False
    if os.path.isfile(source):  # noqa: PTH113  # any text may be asked, also one too long
        return True
    if _FILE.fullmatch(source):
        raise _no_file(source)
    return False


def _no_file(source: str) -> DataError:
    """Return the error for what must be meant as a path, not as the text to learn from."""
    path = Path(source)
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        beside = []
    found = "is no file" if path.name in beside else "does not exist"
    return DataError(
        f"file {source!r} {found}.{did_you_mean(path.name, set(beside) - {path.name})} If this is "
        "the text itself, give it in a list: [text]."
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no UTF-8 text: its byte {error.start} is {error.object[error.start]:#04x}. "
            "Save it as UTF-8, or read it yourself and give the str."
        ) from error


def hold_out(texts: list[str], share: float, seed: int) -> tuple[list[str], list[str], str]:
    """Return texts to train on and to validate on, and in words how they were divided.

    Of one text the last part is held out, of several some that are drawn; texts that are equal stay
    on one side.

    Raises:
        DataError: when a side would be empty.
    """
    if not 0 < share < 1:
        raise DataError(f"valid_pct must be above 0 and below 1: found {share!r}.")
    if len(texts) > 1:
        if len(set(texts)) == 1:
            raise DataError(
                f"all {len(texts)} texts are equal, so none can be held out: give others, or "
                "valid=."
            )
        kept, held = split_groups(texts, [""] * len(texts), share, seed, stratified=False)
        words = held_out_words(share, seed, stratified=False)
        return [texts[i] for i in kept.tolist()], [texts[i] for i in held.tolist()], words
    text = texts[0]
    cut = len(text) - math.ceil(len(text) * share)
    if not cut:
        raise DataError(f"a text of {len(text)} letters cannot be divided: give a longer one.")
    return [text[:cut]], [text[cut:]], f"the last {share:.0%} of the text held out"
