"""Whole numbers as words: ``1.0``, as pandas writes a column with gaps, is ``1``."""

import re
from collections.abc import Iterable
from typing import Final

# without leading zeros: those are codes, of places and the like
_WHOLE: Final = re.compile(r"([+-]?)(0|[1-9][0-9]*)(\.0*)?")


def all_whole(words: Iterable[str]) -> bool:
    """Whether all words are whole numbers, so that they may be compared by value."""
    return all(_WHOLE.fullmatch(word) for word in words)


def plain(word: str) -> str:
    """Return a whole number without sign + and without ``.0``; any other word as it is."""
    found = _WHOLE.fullmatch(word)
    if found is None:
        return word
    sign, digits, _ = found.groups()
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def by_value(words: Iterable[str]) -> set[str]:
    """Return the different words; whole numbers, if all are such, each value once."""
    different = set(words)
    return set(map(plain, different)) if all_whole(different) else different
