"""A text to go on with, as the input of a language model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from learnkit.bounded_json import shorten
from learnkit.data.sequence.equal_lengths import EqualLengths
from learnkit.data.sequence.vocabulary import END, Vocabulary, read_vocabulary
from learnkit.data.token_numbers import unfit_tokens
from learnkit.errors import DataError
from learnkit.json_fields import Fields

MAX_LENGTH = 1_000_000  # tokens that a model sees at once


@dataclass(frozen=True)
class PromptInputs:
    """Prompts (str) become x int64 (B, T): the beginning of a text, then the prompt's tokens.

    Attributes:
        vocabulary: of training; what is not in it is the token of number 0.
        seq_len: tokens that a row of training had.
    """

    vocabulary: Vocabulary
    seq_len: int

    kind: ClassVar[str] = "sequence"

    def encode(self, prompt: object) -> Tensor:
        """Return one prompt as int64 (T,): the mark of an end, then the tokens.

        The mark is there as each text of training stood behind one. So an empty prompt asks for
        the first token of a text.

        Raises:
            DataError: when it is no str.
        """
        if not isinstance(prompt, str):
            raise DataError(
                f"this model goes on with texts: give a str; found {type(prompt).__name__}."
            )
        return torch.from_numpy(np.concatenate([[END], self.vocabulary.encode(prompt)]))

    def loader(self, items: Sequence[Any], *, batch_size: int) -> EqualLengths:
        """Return the batches of prompts; neighbours of one length go together.

        Raises:
            DataError: naming the item that is no str.
        """
        return EqualLengths(encoded(self.encode, items), batch_size)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {"of": "text", "seq_len": self.seq_len, **self.vocabulary.to_json()}

    def unfit(self, spec: Mapping[str, Any]) -> str:
        """Say why a model of a description cannot take these prompts; empty when it can."""
        return unfit_tokens(spec, len(self.vocabulary))

    def words(self, x: Tensor) -> str:
        """Return the text of one row, int64 (T,)."""
        return self.vocabulary.decode(x.tolist())


def encoded(encode: Any, items: Sequence[Any]) -> list[Tensor]:
    """Encode each item; an error names it by its place."""
    samples: list[Tensor] = []
    for place, item in enumerate(items):
        try:
            samples.append(encode(item))
        except DataError as error:
            where = f"item {place} of {len(items)} ({shorten(item)}): " if len(items) > 1 else ""
            raise DataError(f"{where}{error}") from error
    return samples


def read_prompts(fields: Fields) -> PromptInputs:
    """Take back what ``to_json`` returned."""
    seq_len = fields.whole("seq_len", low=1, high=MAX_LENGTH)
    return PromptInputs(read_vocabulary(fields), seq_len)
