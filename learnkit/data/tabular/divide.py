"""Which rows of a table are trained on, and which are held out."""

from typing import NamedTuple

import numpy as np

from learnkit.data.datasets import split_words
from learnkit.data.samples import Samples, Split, divided
from learnkit.data.split import split_random
from learnkit.data.table import Column, Table, held_out_flags
from learnkit.errors import DataError
from learnkit.randomness import IntArray


class Division(NamedTuple):
    """Places of rows on both sides, and how they came about, in words."""

    train: IntArray
    valid: IntArray
    words: str


def divide(
    table: Table,
    samples: Samples,
    *,
    valid_given: bool,
    valid_pct: float | None,
    valid_col: Column | None,
    split: Split | None,
    seed: int,
) -> Division:
    """Divide the rows of a table.

    Args:
        table: its rows.
        samples: what a splitter is told of them.
        valid_given: whether the rows of validation are in another table.
        valid_pct: the fraction held out; 0.2 where nothing else says.
        valid_col: the column that says which.
        split: a splitter, or both sides' places.
        seed: of the random choice.

    Raises:
        DataError: when two ways are asked for at once, or a side would be empty.
    """
    asked = {
        "valid_df": valid_given or None,
        "valid_pct": valid_pct,
        "valid_col": valid_col,
        "split": split,
    }
    ways = [name for name, value in asked.items() if value is not None]
    if len(ways) > 1:
        raise DataError(f"{' and '.join(ways)} were both given: give one.")
    n = len(table.rows)
    if valid_given:
        return Division(np.arange(n), np.arange(0), split_words(table, None, seed))
    if valid_col is not None:
        held = np.array(held_out_flags(table, valid_col), dtype=bool)
        return Division(np.flatnonzero(~held), np.flatnonzero(held), f"by the column {valid_col!r}")
    if split is not None:
        return Division(*divided(samples, split), split_words(None, None, seed, split))
    if n < 2:
        raise DataError(f"{table.title} has {n} row; a split needs two or more.")
    places = split_random(n, 0.2 if valid_pct is None else valid_pct, seed)
    return Division(*places, split_words(None, valid_pct, seed))
