"""Sequences and texts shared out between training and validation, as a bunch needs them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from learnkit.data.sequence.corpus import Texts, hold_out, read_texts
from learnkit.data.sequence.inputs import SequenceInputs
from learnkit.data.sequence.padding import FloatRows, padded
from learnkit.data.split import split_random
from learnkit.errors import DataError


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
    if len(rows) != len(targets):
        raise DataError(
            f"each sequence needs a target: found {len(rows)} sequences and {len(targets)} targets."
        )
    return rows, targets


def sides(
    counts: list[int], valid: object, valid_pct: float | None, seed: int
) -> tuple[list[int], list[int]]:
    """Return the places of training and of validation."""
    if valid is None:
        kept, held = split_random(counts[0], 0.2 if valid_pct is None else valid_pct, seed)
        return kept.tolist(), held.tolist()
    if valid_pct is not None:
        raise DataError(f"valid and valid_pct={valid_pct:g} were both given: give one.")
    return list(range(counts[0])), list(range(counts[0], sum(counts)))


def columns(targets: list[Tensor]) -> Tensor:
    """Stack targets; real values (N,) become (N, 1), the shape that models give."""
    y = torch.stack(targets)
    return y[:, None] if y.is_floating_point() and y.ndim == 1 else y


def dataset(
    rows: list[FloatRows], y: Tensor, places: list[int], inputs: SequenceInputs
) -> TensorDataset:
    """Return some of the sequences as model inputs of one length, with their targets."""
    return TensorDataset(padded([inputs.encode(rows[i]) for i in places]), y[places])


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
