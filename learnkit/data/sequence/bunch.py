"""Sequences to learn from: numbers with a target each, or a text whose next token is the target."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from learnkit.data.bunch import DataBunch
from learnkit.data.datasets import ArrayLike, dataset_loaders, split_words
from learnkit.data.label_sides import check_label_sides
from learnkit.data.options import check_batch_size
from learnkit.data.samples import Split
from learnkit.data.sampling import Sampling, weights_of
from learnkit.data.sequence.corpus import Texts
from learnkit.data.sequence.inputs import SequenceInputs
from learnkit.data.sequence.padding import Scale, as_sequences
from learnkit.data.sequence.parts import (
    columns,
    dataset,
    divided,
    samples_of,
    sides,
    with_targets,
)
from learnkit.data.sequence.prompts import MAX_LENGTH, PromptInputs
from learnkit.data.sequence.stream_loader import StreamLoader
from learnkit.data.sequence.vocabulary import Level, Vocabulary, check_level
from learnkit.data.targets import encode_targets
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.tasks.language import LanguageModel


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SequenceDataBunch(DataBunch):
    """Sequences of numbers with a target each, or a text as contiguous batches.

    Made by `from_sequences` or `from_text`. Attributes are those of `DataBunch`.
    """

    @property
    def n_in(self) -> int:
        """Width of x float32 (B, T, n_in) of sequences of numbers: for ``models.lstm(n_in, ...)``.

        Raises:
            DataError: when this is a text.
        """
        if not isinstance(self.inputs, SequenceInputs):
            raise DataError("a text has no n_in: its x are tokens, int64 (B, T).")
        return self.inputs.n_in

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens of a text, which are the classes too.

        Raises:
            DataError: when these are sequences of numbers.
        """
        if not isinstance(self.inputs, PromptInputs):
            raise DataError("sequences of numbers have no vocabulary; see n_in and classes.")
        return self.inputs.vocabulary

    @classmethod
    @checked_keywords
    def from_sequences(
        cls,
        sequences: Sequence[Any] | ArrayLike,
        targets: ArrayLike | None = None,
        *,
        valid: tuple[Any, ArrayLike] | None = None,
        valid_pct: float | None = None,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        normalize: bool = True,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Load sequences of numbers in memory: x float32 (B, T, n_in).

        Where lengths differ, the shorter ones are padded with 0 behind their end, and x has one
        feature more, which is 1 in the steps that are there and 0 in padding. ``models.lstm``
        is told of it by ``ragged=True``.

        Example:
            >>> waves = [torch.sin(torch.arange(20 + i) / 3) for i in range(10)]
            >>> data = SequenceDataBunch.from_sequences(waves, ["a", "b"] * 5, batch_size=4)
            >>> tuple(data.one_batch().x.shape), data.n_in
            ((4, 29, 2), 2)

        Args:
            sequences: each (T,) or (T, F), or all as one array (N, T, F); F is the same for all.
            targets: one each: labels (names, or whole numbers) or real values (N,) or (N, K).
                None predicts the last step (F,) of each sequence from those before it.
            valid: sequences and targets to validate on; the targets None where there are none.
            valid_pct: the fraction held out at random where ``valid`` is not given; 0.2 by default.
            split: another way to hold out: a splitter, a function of yours, or the places ``(train,
                valid)``. ``grouped_splitter(series)``, with what each sequence was cut from, keeps
                windows of one series on one side.
            sampling: how often each training sequence comes, as in `DataBunch.from_arrays`:
                ``"balanced"``, a weight for each class, or for each sequence.
            classes: names of the labels in the order of the model's outputs.
            normalize: whether each feature is scaled to mean 0 and standard deviation 1, as
                measured on the training sequences; targets are left as they are.
            batch_size: sequences per batch; ``bs`` is another name.
            bs: see ``batch_size``.
            seed: of the split and of the order.

        Raises:
            DataError: when a sequence is empty, of another width or has NaN in it, which it names;
                when lengths or labels do not fit, all training sequences are of one class, or one
                class is in validation alone.
        """
        parts = [
            (as_sequences(s), y) for s, y in [(sequences, targets), *([valid] if valid else [])]
        ]
        pairs = [with_targets(rows, y) for rows, y in parts]
        ys, names = encode_targets([y for _, y in pairs], classes)
        rows = [sequence for part, _ in pairs for sequence in part]
        y = columns([row for part in ys for row in part])
        samples = samples_of(ys[0], names)
        train, held = sides(samples, len(rows) - samples.n, valid_pct, seed, split)
        check_label_sides(
            y[torch.from_numpy(train)],
            y[torch.from_numpy(held)],
            names,
            given=classes,
            divided=valid is None and split is None,
        )
        inputs = SequenceInputs(
            rows[0].shape[1],
            Scale.of([rows[i] for i in train.tolist()]) if normalize else Scale(),
            ragged=len({len(sequence) for sequence in rows}) > 1,
        )
        train_set, held_set = (dataset(rows, y, side, inputs) for side in (train, held))
        size = check_batch_size(batch_size, bs)
        weights = weights_of(sampling, samples.take(train), train, samples.n)
        train_dl, valid_dl = dataset_loaders(train_set, held_set, size, 0, seed, weights)
        return cls(
            train_dl=train_dl,
            valid_dl=valid_dl,
            classes=names,
            seed=seed,
            split=split_words(valid, valid_pct, seed, split),
            inputs=inputs,
        )

    @classmethod
    @checked_keywords
    def from_text(
        cls,
        text: Texts,
        *,
        level: Level = "char",
        seq_len: int = 64,
        batch_size: int = 64,
        bs: int | None = None,
        valid: Texts | None = None,
        valid_pct: float | None = None,
        lines: bool = False,
        max_tokens: int = 20_000,
        min_count: int = 1,
        seed: int = 42,
    ) -> Self:
        """Cut a text into contiguous batches of a language model: x, y int64 (B, T).

        y is x one token later. Row b of a batch goes on where row b of the batch before it ended,
        see `StreamLoader` and the callback `CarryHidden`. All batches have one shape; a rest is
        dropped. In training the rows begin elsewhere in each epoch. Several texts, or lines, stand
        one behind the other with the mark of an end between them.

        Example:
            >>> data = SequenceDataBunch.from_text("to be or not " * 50, seq_len=8, batch_size=4)
            >>> tuple(data.one_batch().x.shape), data.classes[:5]
            ((4, 8), ('<unknown>', '<end>', ' ', 'b', 'e'))

        Args:
            text: a text, the path of a UTF-8 file, or several texts.
            level: ``"char"``, or ``"word"``: words and signs with the blank before them.
            seq_len: tokens of a row.
            batch_size: rows of a batch; ``bs`` is another name. Validation has fewer where its
                text is too short for so many.
            bs: see ``batch_size``.
            valid: the text to validate on.
            valid_pct: the fraction held out where ``valid`` is not given, 0.1 by default: the last
                part of one text; of several texts some that are drawn.
            lines: whether each line is a text of its own.
            max_tokens: the most frequent tokens of training that are known.
            min_count: what is rarer in training is unknown.
            seed: of where the rows begin, and of what is held out.

        Raises:
            DataError: when a file cannot be read, or the text is too short.
        """
        check_level(level)
        size = check_batch_size(batch_size, bs)
        if (
            isinstance(seq_len, bool)
            or not isinstance(seq_len, int)
            or not 1 <= seq_len <= MAX_LENGTH
        ):
            raise DataError(f"seq_len must be a whole number from 1 on: found {seq_len!r}.")
        train, held, split = divided(text, valid, valid_pct, lines=lines, seed=seed)
        vocabulary = Vocabulary.of(train, level=level, max_tokens=max_tokens, min_count=min_count)
        tokens = vocabulary.stream(held)
        rows = max(1, min(size, (len(tokens) - 1) // seq_len))
        return cls(
            train_dl=StreamLoader(
                vocabulary.stream(train), seq_len=seq_len, batch_size=size, shift=True, seed=seed
            ),
            valid_dl=StreamLoader(tokens, seq_len=seq_len, batch_size=rows, seed=seed),
            classes=vocabulary.tokens,
            seed=seed,
            split=split,
            task=LanguageModel(F.cross_entropy, vocabulary.tokens),
            inputs=PromptInputs(vocabulary, seq_len),
        )

    @checked_keywords
    def show_batch(self, n: int = 9, *, path: str | PathLike[str] | None = None) -> None:
        """Print samples of the first training batch with their targets.

        Args:
            n: at most how many; there are never more than in one batch.
            path: a text file to write instead.

        Raises:
            DataError: when ``n`` is below 1.
        """
        if n < 1:
            raise DataError(f"show_batch shows at least 1 sample: found n={n}.")
        x, y = self.one_batch()
        inputs = cast(Any, self.inputs)
        shown = "".join(
            f"{inputs.words(row)!r} -> {self._target(target)}\n"
            for row, target in zip(x[:n], y[:n], strict=True)
        )
        if path is None:
            sys.stdout.write(shown)
        else:
            Path(path).write_text(shown, encoding="utf-8")

    def _target(self, target: Tensor) -> str:
        if isinstance(self.inputs, PromptInputs):
            return repr(self.inputs.words(target))
        if self.classes:
            return self.classes[int(target)]
        return ", ".join(f"{value:.4g}" for value in target.flatten().tolist())
