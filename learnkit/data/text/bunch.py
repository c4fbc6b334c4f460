"""Texts of any source as a DataBunch: tables, lists, class folders, Hugging Face datasets.

Every constructor does the same: check the options, find out which texts with which labels are on
which side, hand them to ``_of_texts``.
"""

# ruff: noqa: D417 - the options that all constructors share are described once, on the class

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from learnkit.data.bunch import DataBunch
from learnkit.data.datasets import warn_if_few
from learnkit.data.hf import HFDataset
from learnkit.data.samples import Split
from learnkit.data.sampling import Sampling, weights_of
from learnkit.data.show_text import show_text
from learnkit.data.table import Column, DataFrameLike, Table, as_table, read_csv
from learnkit.data.text.hf_sides import classes_of, sides_of_hf
from learnkit.data.text.inputs import TextInputs
from learnkit.data.text.labels import targets_of
from learnkit.data.text.loader import TextLoader
from learnkit.data.text.options import TextOptions, TokenizerLike
from learnkit.data.text.rows import rows_of_table
from learnkit.data.text.show import shown_texts, text_table
from learnkit.data.text.sides import TextSides, sides_of_folders, sides_of_rows
from learnkit.data.text.words import Words
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import FloatArray

PathLike: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class TextDataBunch(DataBunch):
    """A DataBunch of texts: x int64 (B, T) token numbers, padded with 0 at the end.

    The vocabulary is that of the training texts alone. In training, batches are of texts of
    similar length, in validation sorted by length. Texts that differ at most in capitals and
    spaces stay on one side of a random split. A text without a word is an error that names its
    row. Needs the extra ``text``: ``pip install "learnkit[text]"``.

    Args:
        classes: the classes in the order of the model's outputs; by default those of training,
            sorted.
        label_delim: between the labels of a text that may have several, or none: ``" "``. Cells
            that are lists are several labels without it.
        tokenizer: rules of words, ``Words(min_freq=2, max_vocab=60_000, lower=True, ...)``; or a
            tokenizer that is there already: of ``tokenizers``, of ``transformers``, or the folder
            that holds its ``tokenizer.json``.
        max_len: tokens of a text that are kept, the first.
        batch_size: texts per batch; ``bs`` is another name.
        seed: of the split and of the order.
        valid_pct: the fraction held out for validation; 0.2 where nothing else says.
        stratified: hold out the same fraction of every class.
        split: another way to divide the rows of a table or of lists: a splitter, such as
            ``grouped_splitter("sender")``, a function of the samples, or a pair of indices. It
            alone decides then, of equal texts too.
        sampling: ``"balanced"``, or how often each class or text comes in training; see
            ``DataBunch``.

    Attributes:
        valid_texts: the held-out texts as they were given, in the order of ``valid_dl``, longest
            first, and so of ``learn.get_preds()``.

    Example:
        >>> texts = ["win a free prize now", "see you at home"] * 3 + ["free prize", "at home"]
        >>> data = TextDataBunch.from_lists(texts, ["spam", "ham"] * 4, valid_pct=0.5, bs=2)
        >>> data.classes
        ('ham', 'spam')
    """

    inputs: TextInputs | None = None
    valid_texts: tuple[str, ...] = ()

    @classmethod
    @checked_keywords
    def from_csv(
        cls,
        path: PathLike,
        *,
        text_col: Column = "text",
        label_col: Column = "label",
        valid_col: Column | None = None,
        delimiter: str = ",",
        header: bool = True,
        quotes: bool = True,
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        label_delim: str | None = None,
        tokenizer: TokenizerLike = Words(),  # noqa: B008  # frozen
        max_len: int = 512,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Read texts and labels from a CSV file.

        Args:
            path: the file, UTF-8.
            text_col: the column of texts, by name or by place from 0.
            label_col: the column of labels.
            valid_col: the column that says True or 1 for validation; without it, ``valid_pct``
                is held out.
            delimiter: between cells.
            header: whether the first line names the columns.
            quotes: whether a cell that begins with ``"`` goes on to the next one; False takes
                every sign as it is, as files of messages often want it.

        Raises:
            DataError: naming the file, column or line that cannot be used.
        """
        options = TextOptions.checked(tokenizer, max_len, batch_size, bs, seed, label_delim)
        file = Path(path).expanduser()
        table = read_csv(file, delimiter=delimiter, header=header, quotes=quotes)
        sides = _sides_of_table(
            table, options, text_col, label_col, valid_col, valid_pct, stratified, split
        )
        return cls._of_texts(sides, options, classes, sampling)

    @classmethod
    @checked_keywords
    def from_df(  # type: ignore[override]  # texts are in one column
        cls,
        df: DataFrameLike | Mapping[Any, Sequence[Any]],
        *,
        text_col: Column = "text",
        label_col: Column = "label",
        valid_col: Column | None = None,
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        label_delim: str | None = None,
        tokenizer: TokenizerLike = Words(),  # noqa: B008
        max_len: int = 512,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Read texts and labels from a DataFrame (pandas, polars) or a dict of columns.

        Args:
            df: the table.
            text_col: the column of texts, by name or by place from 0.
            label_col: the column of labels.
            valid_col: the column that says True or 1 for validation; without it, ``valid_pct``
                is held out.

        Raises:
            DataError: naming the column or row that cannot be used.
        """
        options = TextOptions.checked(tokenizer, max_len, batch_size, bs, seed, label_delim)
        sides = _sides_of_table(
            as_table(df), options, text_col, label_col, valid_col, valid_pct, stratified, split
        )
        return cls._of_texts(sides, options, classes, sampling)

    @classmethod
    @checked_keywords
    def from_lists(
        cls,
        texts: Sequence[str],
        labels: Sequence[object],
        *,
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        label_delim: str | None = None,
        tokenizer: TokenizerLike = Words(),  # noqa: B008
        max_len: int = 512,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Take texts and their labels as two lists.

        Args:
            texts: one str each.
            labels: one for each.

        Raises:
            DataError: when the lists differ in length, or a text or label is missing.
        """
        options = TextOptions.checked(tokenizer, max_len, batch_size, bs, seed, label_delim)
        if len(texts) != len(labels):
            raise DataError(
                f"texts and labels must be equally long: found {len(texts)} and {len(labels)}."
            )
        table = as_table({"text": list(texts), "label": list(labels)}, title="The list")
        sides = _sides_of_table(table, options, "text", "label", None, valid_pct, stratified, split)
        return cls._of_texts(sides, options, classes, sampling)

    @classmethod
    @checked_keywords
    def from_folder(
        cls,
        path: PathLike,
        *,
        train: str = "train",
        valid: str = "valid",
        valid_pct: float | None = None,
        stratified: bool = True,
        classes: Sequence[object] | None = None,
        tokenizer: TokenizerLike = Words(),  # noqa: B008
        max_len: int = 512,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Read ``path/train/<class>/*.txt`` and ``path/valid/<class>/*.txt``.

        With ``valid_pct``, ``path/<class>/*.txt`` (or ``path/train/<class>/*.txt``) is split. A
        text's class is the first folder below; deeper folders do not matter.

        Args:
            path: the folder.
            train: the folder of training texts, in ``path``.
            valid: the folder of validation texts, in ``path``.

        Raises:
            DataError: naming the folder or file, what was found there, and both layouts.
        """
        options = TextOptions.checked(tokenizer, max_len, batch_size, bs, seed)
        sides = sides_of_folders(
            path, train=train, valid=valid, valid_pct=valid_pct, stratified=stratified, seed=seed
        )
        return cls._of_texts(sides, options, classes)

    @classmethod
    @checked_keywords
    def from_hf(  # type: ignore[override]  # likewise
        cls,
        dataset: HFDataset,
        *,
        train: str | None = None,
        valid: str | None = None,
        text_col: str | None = None,
        label_col: str | None = None,
        valid_pct: float | None = None,
        stratified: bool = True,
        classes: Sequence[object] | None = None,
        tokenizer: TokenizerLike = Words(),  # noqa: B008
        max_len: int = 512,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Take a ``Dataset`` or ``DatasetDict`` of Hugging Face ``datasets``.

        Args:
            dataset: the object, loaded; one that streams is refused.
            train: the split to train on; by default ``"train"``, or the only one.
            valid: the split to validate on, if there is one; else ``valid_pct`` is held out.
            text_col: the column of texts; by default the only one of strings, or one named
                ``text``, ``sentence``, ``review`` or the like.
            label_col: the column of labels; by default the ``ClassLabel``.

        Raises:
            DataError: naming the split, column or row that cannot be used.
        """
        options = TextOptions.checked(tokenizer, max_len, batch_size, bs, seed)
        sides = sides_of_hf(
            dataset,
            train=train,
            valid=valid,
            text_col=text_col,
            label_col=label_col,
            valid_pct=valid_pct,
            stratified=stratified,
            seed=seed,
        )
        names = classes_of(dataset, train, label_col) if classes is None else classes
        return cls._of_texts(sides, options, names)

    @classmethod
    def _of_texts(
        cls,
        sides: TextSides,
        options: TextOptions,
        given: Sequence[object] | None,
        sampling: Sampling = None,
    ) -> Self:
        targets = targets_of(sides, given)
        train, valid = sides.train, sides.valid
        inputs = TextInputs(options.tokens_of(train.texts))
        tokens, held = (inputs.encode(part.texts, part.rows) for part in (train, valid))
        order = np.argsort(-held.lengths, kind="stable")  # as its loader would sort them
        valid = valid.take(order, valid.where)
        warn_if_few(len(train.texts), options.batch_size)
        return cls(
            train_dl=TextLoader(
                tokens,
                targets.train,
                batch_size=options.batch_size,
                shuffle=True,
                seed=options.seed,
                names=train.rows,
                weights=_weights(sides, sampling),
            ),
            valid_dl=TextLoader(
                held.take(order),
                targets.valid[order],
                batch_size=options.batch_size,
                seed=options.seed,
                names=valid.rows,
            ),
            classes=targets.classes,
            seed=options.seed,
            split=sides.split,
            task=targets.task,
            inputs=inputs,
            valid_texts=tuple(valid.texts),
        )

    @checked_keywords
    def show_batch(self, n: int = 9, *, path: PathLike | None = None) -> list[tuple[str, str]]:
        """Print the first training texts as the model gets them, with their labels.

        Args:
            n: at most how many; there are never more than in one batch.
            path: a text file to write instead.

        Returns:
            Label and text of each, as far as the tokens tell.

        Raises:
            DataError: when ``n`` is below 1, or the bunch was not made from texts.
        """
        rows = shown_texts(self, n)
        show_text(text_table(rows), path)
        return rows

    def _lines(self) -> list[str]:
        size = [] if self.inputs is None else [f"  vocabulary {self.inputs.n_vocab:,}"]
        return [*super()._lines(), *size]


def _sides_of_table(
    table: Table,
    options: TextOptions,
    text_col: Column,
    label_col: Column,
    valid_col: Column | None,
    valid_pct: float | None,
    stratified: bool,
    split: Split | None,
) -> TextSides:
    rows = rows_of_table(
        table, text_col=text_col, label_col=label_col, label_delim=options.label_delim
    )
    return sides_of_rows(
        table,
        rows,
        valid_col=valid_col,
        valid_pct=valid_pct,
        stratified=stratified,
        seed=options.seed,
        split=split,
    )


def _weights(sides: TextSides, sampling: Sampling) -> FloatArray | None:
    """How often each training text comes; None where each comes once."""
    if sampling is None or sides.whole is None or sides.kept is None:
        return None
    return weights_of(sampling, sides.whole.take(sides.kept), sides.kept, sides.whole.n)
