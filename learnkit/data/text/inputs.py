"""A text as a model's input, and what an export keeps of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from learnkit.data.labels import is_missing
from learnkit.data.text.given import read_given
from learnkit.data.text.loader import TextLoader
from learnkit.data.text.ragged import Ragged
from learnkit.data.text.tokenizer import Tokenizer, read_words
from learnkit.data.token_numbers import unfit_tokens
from learnkit.errors import DataError
from learnkit.json_fields import Fields


@dataclass(frozen=True, eq=False)
class TextInputs:
    """Texts become x int64 (B, T), padded with 0 at the end.

    Attributes:
        tokenizer: with the vocabulary of the training texts, or one that was given.
    """

    tokenizer: Tokenizer

    kind: ClassVar[str] = "text"

    @property
    def n_vocab(self) -> int:
        """How many token numbers there are, padding included: each value of x is below it."""
        return self.tokenizer.n_vocab

    def loader(self, items: Sequence[Any], *, batch_size: int) -> TextLoader:
        """Return the batches of texts, longest first; indices are their places in ``items``.

        Raises:
            DataError: naming the item that is no text, or has nothing in it.
        """
        for place, item in enumerate(items):
            if not isinstance(item, str):
                raise DataError(
                    f"This model takes texts: item {place} (counted from 0) is of type "
                    f"{type(item).__name__}. Give a str."
                )
        names = [f"Item {place} (counted from 0)" for place in range(len(items))]
        y = torch.zeros(len(items), dtype=torch.int64)
        return TextLoader(self.encode(items, names), y, batch_size=batch_size, names=names)

    def encode(self, texts: Sequence[str], names: Sequence[str]) -> Ragged:
        """Return the tokens of texts.

        Args:
            texts: in any order.
            names: what a message calls each.

        Raises:
            DataError: naming the first few texts that have no token.
        """
        tokens = self.tokenizer.encode(texts)
        bad = [
            place
            for place, (text, length) in enumerate(zip(texts, tokens.lengths, strict=True))
            if not length or is_missing(text)
        ]
        if bad:
            more = f" (and {len(bad) - 1:,} more)" if len(bad) > 1 else ""
            raise DataError(
                f"{names[bad[0]]} has no word in it{more}: {texts[bad[0]]!r:.60}. Write "
                "something there, or leave it out."
            )
        return tokens

    def to_json(self) -> dict[str, Any]:
        """Return the tokenizer as plain values."""
        return self.tokenizer.to_json()

    def unfit(self, spec: Mapping[str, Any]) -> str:
        """Say why a model of a description cannot take these texts; empty when it can."""
        return unfit_tokens(spec, self.n_vocab)

    def words(self, x: Tensor) -> str:
        """Return one sample int64 (T,) as a text, as far as its tokens tell."""
        return self.tokenizer.decode(x.tolist())


def read(fields: Fields) -> TextInputs:
    """Take back what ``to_json`` returned.

    Raises:
        ValueError: naming the field that is wrong.
    """
    if fields.one_of("tokenizer", ("words", "given")) == "words":
        return TextInputs(read_words(fields))
    return TextInputs(read_given(fields))
