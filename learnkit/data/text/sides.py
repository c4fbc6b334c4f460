"""Which texts are trained on and which are held out. Equal texts stay on one side."""

import os
from typing import NamedTuple

import numpy as np

from learnkit.data.items import describe_folder, existing_folder
from learnkit.data.samples import Samples, Split, check_one_way, divided, split_name
from learnkit.data.split import check_pct, held_out_words, split_groups
from learnkit.data.table import Column, Table, held_out_flags
from learnkit.data.text.rows import SUFFIX, TextRows, rows_of_folder
from learnkit.errors import DataError
from learnkit.randomness import IntArray

_ADVICE_OWN_SPLIT = "Give split another seed, or every class in classes=."
_ADVICE_EQUAL = (
    "Equal texts stay on one side, so a class needs two different ones: add some, or pass another "
    "seed, or every class in classes=."
)
_ADVICE_SPLIT = "Pass stratified=True, another seed, or every class in classes=."


class TextSides(NamedTuple):
    """Texts of both sides.

    Attributes:
        train: what is trained on.
        valid: what is held out.
        advice: what to do about a class that only ``valid`` has.
        split: how the two came about, in words.
        kept: which of ``whole`` are in ``train``.
        whole: both sides together, where they come from one table.
    """

    train: TextRows
    valid: TextRows
    advice: str
    split: str
    kept: IntArray | None = None
    whole: Samples | None = None


def sides_of_rows(
    table: Table,
    rows: TextRows,
    *,
    valid_col: Column | None,
    valid_pct: float | None,
    stratified: bool,
    seed: int,
    split: Split | None = None,
) -> TextSides:
    """Split the rows of a table: by ``split``, by its own column, or at random.

    Raises:
        DataError: when two of these were given, or one side would be empty.
    """
    whole = Samples(
        len(rows.texts), rows.labels if rows.sets is None else None, None, table.columns
    )
    if split is not None:
        check_one_way(valid_col=valid_col, valid_pct=valid_pct)
        sides = _part(rows, *divided(whole, split), _ADVICE_OWN_SPLIT, split_name(split))
    elif valid_col is None:
        sides = hold_out(rows, valid_pct, stratified=stratified, seed=seed)
    else:
        if valid_pct is not None:
            raise DataError(f"valid_col and valid_pct={valid_pct:g} were both given: give one.")
        flags = np.array(held_out_flags(table, valid_col), dtype=bool)
        advice = "Add training rows of it, or give every class in classes=."
        words = "by the table's own column"
        sides = _part(rows, np.flatnonzero(~flags), np.flatnonzero(flags), advice, words, "rows")
    return sides._replace(whole=whole)


def hold_out(rows: TextRows, valid_pct: float | None, *, stratified: bool, seed: int) -> TextSides:
    """Hold the fraction ``valid_pct`` (0.2 by default) out.

    Texts that differ at most in capitals and spaces stay on one side: what was trained on word
    for word would flatter every number of validation.

    Raises:
        DataError: when the fraction is none, or one side would be empty.
    """
    pct = 0.2 if valid_pct is None else valid_pct
    check_pct(pct)
    keys = [" ".join(text.casefold().split()) for text in rows.texts]
    if len(set(keys)) < 2:
        raise DataError(
            "A split needs at least two different texts, one for training and one for "
            f"validation: {rows.where} has {len(set(keys))}."
        )
    pairs = set(zip(keys, rows.labels, strict=True))
    asked = stratified and rows.sets is None
    stratified = asked and len(pairs) > len(set(rows.labels))
    kept, held = split_groups(keys, rows.labels, pct, seed, stratified=stratified)
    words = f"{held_out_words(pct, seed, stratified=stratified)}, equal texts on one side"
    return _part(rows, kept, held, _ADVICE_EQUAL if asked else _ADVICE_SPLIT, words)


def _part(
    rows: TextRows, kept: IntArray, held: IntArray, advice: str, words: str, noun: str = "part"
) -> TextSides:
    train = rows.take(kept, f"the training {noun} of {rows.where}")
    valid = rows.take(held, f"the validation {noun} of {rows.where}")
    return TextSides(train, valid, advice, words, kept)


def sides_of_folders(
    path: str | os.PathLike[str],
    *,
    train: str,
    valid: str,
    valid_pct: float | None,
    stratified: bool,
    seed: int,
) -> TextSides:
    """Read class folders of texts; with ``valid_pct`` hold a part of them out.

    Raises:
        DataError: naming the folder, what was found there, and both accepted layouts.
    """
    layouts = (
        f"Expected {train}/<class>/*{SUFFIX} and {valid}/<class>/*{SUFFIX} in it, or "
        f"<class>/*{SUFFIX} with valid_pct=0.2."
    )
    root = existing_folder(path, expected=layouts)
    has_train, has_valid = (root / train).is_dir(), (root / valid).is_dir()
    if valid_pct is None:
        if not has_train or not has_valid:
            missing = train if not has_train else valid
            raise DataError(
                f"Folder {root} has no folder {missing!r}: found {describe_folder(root)}. {layouts}"
            )
        sides = rows_of_folder(root, train), rows_of_folder(root, valid)
        advice = (
            f"Add texts of it to {sides[0].where}, take it out of {sides[1].where}, or give every "
            "class in classes=."
        )
        words = f"as the folders are: {sides[0].where} and {sides[1].where}"
        return TextSides(*sides, advice, words)
    if has_valid:
        raise DataError(
            f"valid_pct={valid_pct:g} was given, but {root} has a folder {valid!r} too. Leave "
            f"valid_pct out to validate on {root / valid}, or move that folder away."
        )
    rows = rows_of_folder(root, train if has_train else "")
    return hold_out(rows, valid_pct, stratified=stratified, seed=seed)
