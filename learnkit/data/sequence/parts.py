"""Sequences and texts shared out between training and validation, as a bunch needs them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from learnkit.data.samples import Samples, Split, check_one_way
from learnkit.data.samples import divided as shared_out
from learnkit.data.sequence.corpus import Texts, hold_out, read_texts
from learnkit.data.sequence.inputs import SequenceInputs
from learnkit.data.sequence.padding import FloatRows, padded
from learnkit.data.split import split_random
from learnkit.data.split_values import Indices
from learnkit.errors import DataError
from learnkit.randomness import IntArray


def with_targets(rows: list[FloatRows], targets: Any) -> tuple[list[FloatRows], Any]:
    """Return sequences with their targets; without any, the last step is it."""
    if targets is None:
        for place, sequence in enumerate(rows):
            if len(sequence) < 2:
                raise DataError(
                    f"sequence {place} has one step; without targets the last one is predicted "
                    "from those before it, so give at least two."
                )
        return [sequence[:-1] for sequence in rows], np.stack([sequence[-1] for sequence in rows])
    if not hasattr(targets, "__len__"):
        raise DataError(f"targets must be a list or an array; found {type(targets).__name__}.")
    if len(rows) != len(targets):
        raise DataError(
            f"each sequence needs a target: found {len(rows)} sequences and {len(targets)} targets."
        )
    return rows, targets


def samples_of(targets: Tensor, names: Sequence[str]) -> Samples:
    """Return what a splitter is told of sequences: their classes, where they have some."""
    if not names or targets.ndim != 1:
        return Samples(len(targets))
    return Samples(len(targets), [names[number] for number in targets.tolist()])


def sides(
    samples: Samples,
    n_valid: int,
    valid_pct: float | None,
    seed: int,
    split: Split | None,
) -> Indices:
    """Return the places of training and of validation, each int64.

    Args:
        samples: those that are divided.
        n_valid: how many stand behind them, for validation; 0 where it is a part of them.
        valid_pct: the fraction held out at random; 0.2 where nothing else says.
        seed: of that.
        split: another way.
    """
    n = samples.n
    if n_valid:
        if valid_pct is not None:
            raise DataError(f"valid and valid_pct={valid_pct:g} were both given: give one.")
        if split is not None:
            raise DataError("valid and split were both given: give one.")
        return np.arange(n), np.arange(n, n + n_valid)
    if split is not None:
        check_one_way(valid_pct=valid_pct)
        return shared_out(samples, split)
    return split_random(n, 0.2 if valid_pct is None else valid_pct, seed)


def columns(targets: list[Tensor]) -> Tensor:
    """Stack targets; real values (N,) become (N, 1), the shape that models give."""
    y = torch.stack(targets)
    return y[:, None] if y.is_floating_point() and y.ndim == 1 else y


def dataset(
    rows: list[FloatRows], y: Tensor, places: IntArray, inputs: SequenceInputs
) -> TensorDataset:
    """Return some of the sequences as model inputs of one length, with their targets."""
    x = [inputs.encode(rows[i], f"sequence {i}") for i in places.tolist()]
    return TensorDataset(padded(x), y[torch.from_numpy(places)])


def divided(
    text: Texts, valid: Texts | None, valid_pct: float | None, *, lines: bool, seed: int
) -> tuple[list[str], list[str], str]:
    """Return texts to train on and to validate on, and in words how they were divided."""
    train = read_texts(text, lines=lines)
    if valid is None:
        return hold_out(train, 0.1 if valid_pct is None else valid_pct, seed)
    if valid_pct is not None:
        raise DataError(f"valid and valid_pct={valid_pct:g} were both given: give one.")
    return train, read_texts(valid, lines=lines), "as given"
