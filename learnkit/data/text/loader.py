"""Batches of texts of similar length, reproducible by (seed, epoch). Knows token numbers only."""

import itertools
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from typing import Final

import numpy as np
from torch import Tensor

from learnkit.data.identity import array_digest
from learnkit.data.order import batch_bounds
from learnkit.data.sampling import checked_weights, drawn, weights_digest
from learnkit.data.text.ragged import Ragged
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import FloatArray, IntArray, key_of, mix, permutation
from learnkit.types import Batch, Identity, Loaded

POOL: Final = 50  # batches that are sorted together at most, as in fastai's SortishSampler
STEP: Final = 8  # tokens; lengths that are the same but for less stay in random order


class TextLoader:
    """Batches of texts: x int64 (B, T), padded with 0 behind the shorter ones; y as given.

    In training samples are shuffled; each 50 batches of them together (a quarter of the epoch, if
    that is fewer) are sorted by length in steps of 8 tokens and cut into batches, which are then
    shuffled. The batch with the longest text comes first, so that memory runs out at once or not
    at all (fastai's ``SortishSampler``; without the steps, batches of short texts of one length
    would be of one class too often). The order is a pure function of (seed, epoch). Without
    ``shuffle`` texts come sorted by length, longest first; ``indices`` tell their places.

    Args:
        tokens: the texts as token numbers from 1 on.
        y: their targets, (N,) or (N, K).
        batch_size: texts per batch. The last one may be smaller; in training a last batch of one
            text is joined to another, because BatchNorm cannot train on one.
        shuffle: a new order in each epoch, as training wants it.
        seed: of the order.
        names: what a message calls each text; ``text 7`` by default.
        weights: how often each text comes relative to the others, in training; an epoch draws as
            many as there are, with replacement. None lets each come once.

    Raises:
        DataError: when there is no text, ``batch_size`` is below 1, or lengths differ.
    """

    @checked_keywords
    def __init__(
        self,
        tokens: Ragged,
        y: Tensor,
        *,
        batch_size: int = 64,
        shuffle: bool = False,
        seed: int = 42,
        names: Sequence[str] | None = None,
        weights: FloatArray | None = None,
    ) -> None:
        if not len(tokens):
            raise DataError("There is no text to load.")
        if batch_size < 1:
            raise DataError(f"batch_size must be 1 or more, found {batch_size}.")
        if len(tokens) != len(y):
            raise DataError(
                f"texts and targets must be equally many: found {len(tokens)} and {len(y)}."
            )
        self._tokens, self._y, self._names = tokens, y, names
        self._weights = None if weights is None else checked_weights(weights, len(tokens))
        self._batch_size, self._shuffle, self._seed = batch_size, shuffle, seed
        self._bounds = batch_bounds(len(tokens), batch_size, train=shuffle)

    @property
    def batch_size(self) -> int:
        """Texts per batch."""
        return self._batch_size

    @property
    def n_samples(self) -> int:
        """Texts in one epoch."""
        return len(self._tokens)

    @property
    def groups_alike(self) -> bool:
        """True: a batch of texts of similar length may well be of one class, though shuffled."""
        return True

    @property
    def identity(self) -> Identity:
        """What decides the batches; see ``types.IdentifiedLoader``."""
        return dict(self._identity)

    @cached_property
    def _identity(self) -> Identity:
        plain: Identity = {
            "kind": type(self).__name__,
            "samples": len(self._tokens),
            "batch_size": self._batch_size,
            "shuffle": self._shuffle,
            "seed": self._seed,
            "tokens": array_digest(self._tokens.flat),
            "bounds": array_digest(self._tokens.bounds),
            "targets": array_digest(self._y.numpy()),
        }
        if self._weights is None:
            return plain
        return {**plain, "weights": weights_digest(self._weights)}

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __iter__(self) -> Iterator[Batch]:
        with closing(self.batches(0)) as loaded:
            for one in loaded:
                yield one.batch

    def __repr__(self) -> str:
        return f"TextLoader({len(self._tokens)} texts, {len(self)} batches)"

    def describe(self, index: int) -> str:
        """Return what a message calls a text: ``line 12``, a file, or ``text 7``."""
        return f"text {index}" if self._names is None else self._names[index]

    def batches(self, epoch: int, *, start: int = 0) -> Generator[Loaded, None, None]:
        """Give the batches of one epoch from batch ``start`` on; nothing before it is padded."""
        for indices in self._plan(epoch)[start:]:
            yield Loaded(Batch(self._tokens.padded(indices), self._y[indices]), indices)

    def _plan(self, epoch: int) -> list[IntArray]:
        lengths, n = self._tokens.lengths, len(self._tokens)
        if not self._shuffle:
            return self._cut(np.argsort(-lengths, kind="stable"))
        if self._weights is None:
            order = permutation(n, seed=self._seed, epoch=epoch)
        else:
            order = drawn(self._weights, seed=self._seed, epoch=epoch)
        steps = -(-lengths // STEP)
        pool = max(1, min(POOL, len(self) // 4)) * self._batch_size
        pools = [order[first : first + pool] for first in range(0, n, pool)]
        batches = self._cut(
            np.concatenate([part[np.argsort(-steps[part], kind="stable")] for part in pools])
        )
        # the last batch may have another size and stays where the loop expects it
        seed = mix(self._seed, key_of("batches of texts"))
        places = permutation(len(batches) - 1, seed=seed, epoch=epoch).tolist()
        longest = int(np.argmax([lengths[batch].max() for batch in batches]))
        places.sort(key=lambda place: place != longest)  # stable: the others stay as they are
        return [batches[place] for place in [*places, len(batches) - 1]]

    def _cut(self, order: IntArray) -> list[IntArray]:
        return [order[a:b] for a, b in itertools.pairwise(self._bounds)]
