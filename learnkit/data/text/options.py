"""How texts become batches: the options that every constructor of TextDataBunch shares."""

import os
from dataclasses import dataclass
from typing import Any, TypeAlias

from learnkit.data.options import check_batch_size
from learnkit.data.text.given import given_tokenizer
from learnkit.data.text.tokenizer import MAX_LEN, Tokenizer, WordTokenizer
from learnkit.data.text.words import Words
from learnkit.errors import DataError

# Any: a Tokenizer of `tokenizers` or of `transformers`, neither of which need be installed
TokenizerLike: TypeAlias = Words | str | os.PathLike[str] | Any


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """All values are checked on making one.

    Attributes:
        tokenizer: the rules of words, or a tokenizer that is there already.
        max_len: tokens of a text that are kept, the first.
        batch_size: texts per batch.
        seed: of order and split.
        label_delim: between the labels of a text; None where each has one.
    """

    tokenizer: TokenizerLike
    max_len: int
    batch_size: int
    seed: int
    label_delim: str | None = None

    @classmethod
    def checked(
        cls,
        tokenizer: TokenizerLike,
        max_len: int,
        batch_size: int,
        bs: int | None,
        seed: int,
        label_delim: str | None = None,
    ) -> "TextOptions":
        """Check what the user gave.

        Raises:
            DataError: for a value that cannot be used.
        """
        if not _is_whole(max_len) or not 1 <= max_len <= MAX_LEN:
            raise DataError(
                f"max_len must be a whole number of tokens from 1 to {MAX_LEN:,}: "
                f"found {max_len!r}."
            )
        if not _is_whole(seed):
            raise DataError(f"seed must be a whole number: found {seed!r}.")
        if label_delim is not None and (not isinstance(label_delim, str) or not label_delim):
            raise DataError(
                f"label_delim must be the text between labels, such as ' ': found {label_delim!r}."
            )
        return cls(
            tokenizer=tokenizer,
            max_len=max_len,
            batch_size=check_batch_size(batch_size, bs),
            seed=seed,
            label_delim=label_delim,
        )

    def tokens_of(self, texts: list[str]) -> Tokenizer:
        """Return the tokenizer given, or the words of the training texts."""
        if isinstance(self.tokenizer, Words):
            return WordTokenizer.of_texts(texts, self.tokenizer, max_len=self.max_len)
        return given_tokenizer(self.tokenizer, max_len=self.max_len)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
