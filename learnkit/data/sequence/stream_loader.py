"""Contiguous batches of one long stream of tokens, for language models.

::

    stream   a b c d e f g h i j k l m     2 rows of 3 tokens
    batch 0  x = a b c / g h i             y = b c d / h i j
    batch 1  x = d e f / j k l             y = e f g / k l m

Row b of a batch goes on where row b of the batch before it ended, so that a model may carry what
it remembers from one to the next (Zaremba, Sutskever and Vinyals, 2014, arXiv 1409.2329, section
4.1). Knows numbers only, no text.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import cached_property

import numpy as np
import torch

from learnkit.data.identity import array_digest
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import IntArray, key_of, mix, uniforms
from learnkit.types import Batch, Identity, Loaded


class StreamLoader:
    """Batches x int64 (B, T) and y int64 (B, T), which is x one token later.

    All batches have one shape; what is left over is dropped, fewer than (B + 1) * T tokens. In
    training the rows begin at another place in each epoch, a pure function of (seed, epoch), so
    that each token is seen with more and less before it, and none is always left out.

    Args:
        tokens: int64 (N,).
        seq_len: T, tokens that the model sees at once.
        batch_size: B, rows.
        shift: begin at another place in each epoch, as training wants it.
        seed: of that place.

    Raises:
        DataError: when the stream is too short for one batch.
    """

    contiguous = True

    @checked_keywords
    def __init__(
        self,
        tokens: IntArray,
        *,
        seq_len: int = 64,
        batch_size: int = 64,
        shift: bool = False,
        seed: int = 42,
    ) -> None:
        spare = seq_len if shift else 1
        self._batches = (len(tokens) - spare) // (seq_len * batch_size)
        if self._batches < 1:
            raise DataError(
                f"{batch_size} rows of {seq_len} tokens need {seq_len * batch_size + spare:,} "
                f"tokens; found {len(tokens):,}. Take a smaller batch_size or seq_len, or more "
                "text."
            )
        self.tokens, self.seq_len = tokens, seq_len
        self._batch_size, self._shift, self._seed = batch_size, shift, seed

    @property
    def batch_size(self) -> int:
        """Rows of a batch."""
        return self._batch_size

    @property
    def n_samples(self) -> int:
        """Rows of all batches of an epoch."""
        return self._batches * self._batch_size

    @cached_property
    def identity(self) -> Identity:
        """What decides the batches; see ``types.IdentifiedLoader``."""
        return {
            "kind": type(self).__name__,
            "data": array_digest(self.tokens),
            "seq_len": self.seq_len,
            "batch_size": self._batch_size,
            "shift": self._shift,
            "seed": self._seed,
        }

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Batch]:
        with closing(self.batches(0)) as loaded:
            for one in loaded:
                yield one.batch

    def __repr__(self) -> str:
        return f"StreamLoader({len(self.tokens):,} tokens, {len(self)} batches)"

    def describe(self, index: int) -> str:
        """Return ``tokens 640 to 704``, counted without the shift."""
        first = index * self.seq_len
        return f"tokens {first} to {first + self.seq_len}"

    def batches(self, epoch: int, *, start: int = 0) -> Generator[Loaded, None, None]:
        """Give the batches of one epoch from batch ``start`` on."""
        per_row = self._batches * self.seq_len
        first = self._first(epoch)
        used = torch.from_numpy(self.tokens[first : first + self._batch_size * per_row + 1])
        x = used[:-1].view(self._batch_size, per_row)
        y = used[1:].view(self._batch_size, per_row)
        rows = np.arange(self._batch_size, dtype=np.int64) * self._batches
        for place in range(start, self._batches):
            part = slice(place * self.seq_len, (place + 1) * self.seq_len)
            yield Loaded(Batch(x[:, part].clone(), y[:, part].clone()), rows + place)

    def _first(self, epoch: int) -> int:
        """Return the token that an epoch begins with."""
        if not self._shift:
            return 0
        used = self._batches * self.seq_len * self._batch_size + 1
        drawn = uniforms(mix(self._seed, key_of("shift")), np.array([epoch], dtype=np.int64), 1)
        return int(drawn[0, 0] * (len(self.tokens) - used + 1))
