"""A column of categories: the words seen in training, numbered from 1; 0 is all else."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from learnkit.data.labels import sorted_classes
from learnkit.data.tabular.cells import Cells, words
from learnkit.randomness import IntArray

MISSING: Final = "(missing)"


@dataclass(frozen=True)
class Category:
    """One column's vocabulary.

    Attributes:
        name: the column's.
        words: word ``i`` has the code ``i + 1``; a missing cell and an unknown word have code 0.
    """

    name: str
    words: tuple[str, ...]

    @classmethod
    def learn(cls, cells: Cells) -> "Category":
        """Take the different words of the training rows, sorted (by value where all are whole)."""
        return cls(cells.name, sorted_classes(word for word in set(words(cells)) if word))

    @property
    def size(self) -> int:
        """How many codes there are, 0 included."""
        return len(self.words) + 1

    @cached_property
    def _codes(self) -> dict[str | None, int]:
        return {word: place for place, word in enumerate(self.words, start=1)}

    def codes(self, cells: Cells) -> IntArray:
        """Return the code of each cell, int64 (N,)."""
        known = self._codes
        return np.array([known.get(word, 0) for word in words(cells)], dtype=np.int64)

    def word(self, code: int) -> str:
        """Return the word of a code."""
        return self.words[code - 1] if 0 < code <= len(self.words) else MISSING

    def places(self, names: Sequence[object]) -> list[int]:
        """Return the codes of some words; 0 for one that training did not see."""
        codes = self.codes(Cells(self.name, list(names), [""] * len(names), ""))
        return [int(code) for code in codes]
