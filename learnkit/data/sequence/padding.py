"""Sequences of numbers as tensors: checked, scaled, padded to one length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learnkit.errors import DataError

FloatRows: TypeAlias = npt.NDArray[np.float32]
"""float32 (T, F)."""


def as_sequence(values: Any, name: str, n_features: int | None = None) -> FloatRows:
    """Return one sequence as float32 (T, F); numbers (T,) have one feature.

    Args:
        values: an array, a tensor, a list, a table of pandas.
        name: for messages: ``"sequence 7"``.
        n_features: F, where it is known.

    Raises:
        DataError: when it is empty, of another width, no numbers, or holds NaN or infinity.
    """
    try:
        plain = values.numpy(force=True) if isinstance(values, Tensor) else values
        with np.errstate(over="ignore"):  # what is too large is told below
            array = np.asarray(plain, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{name} must be numbers (T,) or (T, F); found {type(values).__name__} that is not: "
            f"{error}."
        ) from error
    rows = array[:, None] if array.ndim == 1 else array
    if rows.ndim != 2 or not rows.size:
        raise DataError(
            f"{name} must be numbers (T,) or (T, F), at least one; found shape {array.shape}."
        )
    if n_features is not None and rows.shape[1] != n_features:
        raise DataError(
            f"{name} has {rows.shape[1]} features a step; the others have {n_features}. Give each "
            "step of each sequence as many."
        )
    bad = first_not_finite(rows)
    if bad is not None:
        step, feature = bad
        raise DataError(
            f"{name} has {rows[step, feature]} in step {step}, feature {feature} (from 0). Fill it "
            "in, or leave the sequence out."
        )
    return rows


def first_not_finite(rows: FloatRows) -> tuple[int, int] | None:
    """Return step and feature of the first NaN or infinity."""
    finite = np.isfinite(rows)
    if finite.all():
        return None
    step, feature = np.argwhere(~finite)[0].tolist()
    return step, feature


def as_sequences(sequences: Any) -> list[FloatRows]:
    """Return all sequences as float32 (T, F), of one F; see `as_sequence`.

    Raises:
        DataError: when they are no list or array, there are none, or one cannot be used.
    """
    named = isinstance(sequences, Mapping | str) or hasattr(sequences, "columns")
    if named or not hasattr(sequences, "__len__"):
        raise DataError(
            "sequences must be a list of arrays (T,) or (T, F), or one array (N, T, F); found "
            f"{type(sequences).__name__}."
        )
    if not len(sequences):
        raise DataError("there is no sequence: give at least one.")
    listed = list(sequences)
    width = as_sequence(listed[0], "sequence 0").shape[1]
    return [as_sequence(s, f"sequence {i}", width) for i, s in enumerate(listed)]


@dataclass(frozen=True)
class Scale:
    """What is subtracted from each feature, and by what it is divided.

    Attributes:
        mean: of the F features over all steps of training; empty for numbers left as they are.
        std: likewise, 1 for a feature that is constant.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @classmethod
    def of(cls, sequences: Sequence[FloatRows]) -> "Scale":
        """Measure sequences."""
        steps = np.concatenate(sequences).astype(np.float64)
        spread = steps.std(0)
        # a constant has a spread of rounding, which nothing should be divided by
        flat = spread <= 1e-6 * np.abs(steps).max(0)
        return cls(tuple(steps.mean(0).tolist()), tuple(np.where(flat, 1.0, spread).tolist()))

    def __call__(self, rows: FloatRows) -> FloatRows:
        """Scale one sequence."""
        if not self.mean:
            return rows
        with np.errstate(over="ignore"):  # who scales looks at what came out
            scaled: FloatRows = ((rows - np.array(self.mean)) / self.std).astype(np.float32)
        return scaled


def with_presence(rows: FloatRows) -> Tensor:
    """Append a feature that is 1 in each step that is there: float32 (T, F + 1)."""
    return torch.from_numpy(np.concatenate([rows, np.ones_like(rows[:, :1])], 1))


def padded(samples: Sequence[Tensor]) -> Tensor:
    """Stack samples (T, ...), zeros behind the shorter ones: (N, longest T, ...)."""
    return torch.nn.utils.rnn.pad_sequence(list(samples), batch_first=True)
