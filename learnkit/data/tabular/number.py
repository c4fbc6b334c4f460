"""A column of numbers: what fills its gaps, and its mean and deviation in training."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from learnkit.data.tabular.cells import Cells, numbers
from learnkit.errors import DataError
from learnkit.randomness import FloatArray

_LARGEST: Final = 1e150  # whose square a float64 still holds


@dataclass(frozen=True)
class Number:
    """How one column is filled and normalised.

    Attributes:
        name: the column's.
        fill: the median of training, for missing cells; as a logarithm where ``log``.
        mean: of training, gaps filled; as a logarithm where ``log``.
        std: of training likewise; 1 for a column of one value.
        log: whether ``sign(v) log(1 + |v|)`` takes the place of ``v``.
        flagged: whether a column ``<name>_na`` tells which cells were missing.
    """

    name: str
    fill: float
    mean: float
    std: float
    log: bool = False
    flagged: bool = False

    @classmethod
    def learn(cls, cells: Cells, *, log: bool = False, may_flag: bool = True) -> "Number":
        """Learn from the training rows.

        Raises:
            DataError: when no cell has a value, or one is infinite.
        """
        found = np.sort(_squeezed(numbers(cells), log))  # so the order of rows does not matter
        gaps = np.isnan(found)
        if gaps.all():
            raise DataError(
                f"{cells.title} has no value in the number column {cells.name!r} in any training "
                f"row. Leave it out: drop_cols=[{cells.name!r}]."
            )
        if np.nanmax(np.abs(found)) > _LARGEST:
            raise DataError(
                f"{cells.title} has numbers in the column {cells.name!r} that are too large to be "
                "squared. Divide them, or name the column in log_cols."
            )
        fill = float(np.median(found[~gaps]))
        filled = np.where(gaps, fill, found)
        std = float(filled.std())
        flat = std <= 1e-12 * max(1.0, abs(fill))  # one value, up to rounding
        return cls(
            cells.name,
            fill=fill,
            mean=fill if flat else float(filled.mean()),
            std=1.0 if flat else std,
            log=log,
            flagged=bool(gaps.any()) and may_flag,
        )

    @property
    def flag_name(self) -> str:
        """The name of the column that tells which cells were missing."""
        return f"{self.name}_na"

    def normalised(self, cells: Cells) -> tuple[FloatArray, FloatArray]:
        """Return float64 (N,) with mean 0 and deviation 1 in training, and which were missing.

        Raises:
            DataError: for a cell that is no number, infinite, or out of float32's range.
        """
        found = _squeezed(numbers(cells), self.log)
        gaps = np.isnan(found)
        values: FloatArray = (np.where(gaps, self.fill, found) - self.mean) / self.std
        wild = np.flatnonzero(np.abs(values) > np.finfo(np.float32).max)
        if len(wild):
            raise cells.wrong(int(wild[0]), "which is too large for float32.")
        return values, gaps.astype(np.float64)

    def text(self, value: float) -> str:
        """Return a normalised value as it was in the table, with six digits."""
        plain = value * self.std + self.mean
        if abs(plain) < 1e-6 * self.std:  # what float32 leaves of a zero
            plain = 0.0
        if self.log:
            plain = math.copysign(math.expm1(min(abs(plain), 700.0)), plain)
        return f"{plain:.6g}"


def _squeezed(values: FloatArray, log: bool) -> FloatArray:
    """Take logarithms that keep sign and zero: ``sign(v) log(1 + |v|)``."""
    return np.sign(values) * np.log1p(np.abs(values)) if log else values
