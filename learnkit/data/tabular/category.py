"""A column of categories: the words seen in training, numbered from 1; 0 is all else."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from learnkit.data.labels import sorted_classes
from learnkit.data.tabular.cells import Cells, words
from learnkit.data.tabular.whole import all_whole, by_value, plain
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
        """Take the different words of the training rows, sorted.

        Where all are whole numbers, their values count: ``"1.0"`` of a file and 1 are one word.
        """
        return cls(cells.name, sorted_classes(by_value(word for word in words(cells) if word)))

    @property
    def size(self) -> int:
        """How many codes there are, 0 included."""
        return len(self.words) + 1

    @cached_property
    def _whole(self) -> bool:
        return all_whole(self.words)

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {self._written(word): place for place, word in enumerate(self.words, start=1)}

    def _written(self, word: str) -> str:
        return plain(word) if self._whole else word

    def codes(self, cells: Cells) -> IntArray:
        """Return the code of each cell, int64 (N,)."""
        found = words(cells)
        code = {w: 0 if w is None else self._codes.get(self._written(w), 0) for w in set(found)}
        return np.array([code[word] for word in found], dtype=np.int64)

    def word(self, code: int) -> str:
        """Return the word of a code."""
        return self.words[code - 1] if 0 < code <= len(self.words) else MISSING

    def places(self, names: Sequence[object]) -> list[int]:
        """Return the codes of some words; 0 for one that training did not see."""
        codes = self.codes(Cells(self.name, list(names), [""] * len(names), ""))
        return [int(code) for code in codes]
