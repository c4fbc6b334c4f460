"""Texts as numbers: characters or words, and the way back. Knows no tensors and no files."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np

from learnkit.errors import DataError
from learnkit.json_fields import Fields
from learnkit.names import checked_keywords, did_you_mean
from learnkit.randomness import IntArray

Level: TypeAlias = Literal["char", "word"]

UNKNOWN: Final = 0
END: Final = 1
# Longer than a character, and no word of `_WORDS` holds both brackets and letters.
_MARKS: Final = ("<unknown>", "<end>")
# Words and signs with the blank before them, as in GPT-2: joined again they are the text.
_WORDS: Final = re.compile(r" ?\w+| ?[^\w\s]+|\s+")
MAX_TOKENS: Final = 100_000
MAX_LETTERS: Final = 1_000  # of one token


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that a model of language knows.

    Number 0 stands for whatever is unknown, and 1 for the end of a text, which stands before the
    first text too. Tokens join to the text they were cut from, so ``decode`` needs no blanks.

    Attributes:
        tokens: in the order of their numbers.
        level: whether they are characters, or words and signs with the blank before them.
    """

    tokens: tuple[str, ...]
    level: Level = "char"

    @classmethod
    @checked_keywords
    def of(
        cls,
        texts: Iterable[str],
        *,
        level: Level = "char",
        max_tokens: int = 20_000,
        min_count: int = 1,
    ) -> "Vocabulary":
        """Collect the tokens of texts.

        Example:
            >>> Vocabulary.of(["abba"]).tokens
            ('<unknown>', '<end>', 'a', 'b')

        Args:
            texts: of training.
            level: ``"char"`` or ``"word"``.
            max_tokens: the most frequent ones are kept, up to so many with the two marks.
            min_count: what is rarer is unknown.

        Raises:
            DataError: when an option is out of range.
        """
        check_level(level)
        if not 3 <= max_tokens <= MAX_TOKENS:
            raise DataError(
                f"max_tokens must be a whole number from 3 to {MAX_TOKENS:,}: found {max_tokens!r}."
            )
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(_pieces(text, level))
        often = [
            token for token, n in counts.items() if n >= min_count and len(token) < MAX_LETTERS
        ]
        often.sort(key=lambda token: (-counts[token], token))
        return cls((*_MARKS, *sorted(often[: max_tokens - len(_MARKS)])), level)

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens) if number > END}

    def encode(self, text: str) -> IntArray:
        """Return the numbers of a text's tokens, int64 (T,); without the mark of its end."""
        numbers = self._numbers
        found = (numbers.get(token, UNKNOWN) for token in _pieces(text, self.level))
        return np.fromiter(found, dtype=np.int64)

    def stream(self, texts: Iterable[str]) -> IntArray:
        """Return texts one after the other, with the mark of an end before, between and behind."""
        parts = [np.array([END], dtype=np.int64)]
        for text in texts:
            parts += [self.encode(text), parts[0]]
        return np.concatenate(parts)

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of numbers; what is unknown is written as such."""
        return "".join(self.tokens[number] for number in numbers)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"level": self.level, "tokens": list(self.tokens)}


def read_vocabulary(fields: Fields) -> Vocabulary:
    """Take back what ``to_json`` returned.

    Raises:
        ValueError: naming the field that is wrong.
    """
    tokens = fields.strings("tokens", at_most=MAX_TOKENS, length=MAX_LETTERS)
    if tokens[:2] != _MARKS or len(set(tokens)) != len(tokens):
        fields.refuse("tokens", f"different strings that begin with {' and '.join(_MARKS)}")
    level: Any = fields.one_of("level", get_args(Level))
    return Vocabulary(tokens, level)


def check_level(level: object) -> None:
    """Raise DataError unless ``level`` is a way to cut a text."""
    if level not in get_args(Level):
        raise DataError(
            f"level must be 'char' or 'word': found {level!r}."
            f"{did_you_mean(str(level), get_args(Level))}"
        )


def _pieces(text: str, level: Level) -> Iterable[str]:
    return text if level == "char" else _WORDS.findall(text)
