"""A sequence of numbers as a model's input, and the reader of all inputs of sequences."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from learnkit.data.inputs import Inputs
from learnkit.data.sequence.equal_lengths import EqualLengths
from learnkit.data.sequence.padding import (
    Scale,
    as_sequence,
    first_not_finite,
    with_presence,
)
from learnkit.data.sequence.prompts import encoded, read_prompts
from learnkit.errors import DataError
from learnkit.json_fields import Fields

MAX_FEATURES: Final = 100_000


@dataclass(frozen=True)
class SequenceInputs:
    """Sequences (T,) or (T, F) become x float32 (B, T, n_in).

    Attributes:
        n_features: F, numbers of a step.
        scale: as measured on the training sequences.
        ragged: whether lengths differ; then the last feature is 1 in steps that are there and 0 in
            padding, and ``n_in`` is F + 1.
    """

    n_features: int
    scale: Scale = field(default_factory=Scale)
    ragged: bool = False

    kind: ClassVar[str] = "sequence"

    @property
    def n_in(self) -> int:
        """Width of x."""
        return self.n_features + self.ragged

    def encode(self, item: Any, name: str = "the sequence") -> Tensor:
        """Return one sequence as float32 (T, n_in).

        Raises:
            DataError: when it is empty, of another width, or has something else than numbers, or
                one that float32 does not hold once it is scaled.
        """
        given = as_sequence(item, name, self.n_features)
        rows = self.scale(given)
        bad = first_not_finite(rows)
        if bad is not None:
            raise DataError(
                f"{name} has {given[bad]:g} in step {bad[0]}, feature {bad[1]} (from 0), which is "
                "too large for float32 when it is scaled as the training sequences were."
            )
        return with_presence(rows) if self.ragged else torch.from_numpy(rows)

    def loader(self, items: Sequence[Any], *, batch_size: int) -> EqualLengths:
        """Return the batches of sequences; neighbours of one length go together.

        Raises:
            DataError: naming the item that cannot be used, and why.
        """
        return EqualLengths(encoded(self.encode, items), batch_size)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "of": "numbers",
            "n_features": self.n_features,
            "mean": list(self.scale.mean),
            "std": list(self.scale.std),
            "ragged": self.ragged,
        }

    def words(self, x: Tensor) -> str:
        """Return length, width and the first numbers of one sample float32 (T, n_in)."""
        steps = int(x[:, -1].sum()) if self.ragged else len(x)
        few = ", ".join(f"{value:.3g}" for value in x[:4, 0].tolist())
        return f"{steps} steps of {self.n_features}: {few}{', ...' if steps > 4 else ''}"


def read(fields: Fields) -> Inputs:
    """Take back what ``to_json`` of sequences or of prompts returned.

    Raises:
        ValueError: naming the field that is wrong.
    """
    if fields.one_of("of", ("numbers", "text")) == "text":
        return read_prompts(fields)
    n = fields.whole("n_features", low=1, high=MAX_FEATURES)
    mean = fields.numbers("mean", low=-1e30, high=1e30)
    std = fields.numbers("std", low=1e-30, high=1e30)
    if len(mean) not in (0, n) or len(std) != len(mean):
        fields.refuse("mean", f"{n} numbers, as for std, or none")
    return SequenceInputs(n, Scale(mean, std), fields.fact("ragged"))
