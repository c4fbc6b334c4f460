"""The input of a generator: noise, in place of the pictures that it was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.errors import DataError
from learnkit.json_fields import Fields

MAX_NUMBERS: Final = 100_000


@dataclass(frozen=True)
class NoiseInputs:
    """Vectors of noise, each of which becomes a picture.

    Attributes:
        n_latent: numbers in one.
    """

    n_latent: int

    kind: ClassVar[str] = "noise"

    def loader(self, items: Sequence[Any], *, batch_size: int) -> DatasetLoader:
        """Return the batches of vectors: x float32 (B, n_latent), y zeros.

        Raises:
            DataError: naming the first item that is no vector of this length, or not finite.
        """
        rows = [self._vector(place, item) for place, item in enumerate(items)]
        x = torch.stack(rows) if rows else torch.zeros(0, self.n_latent)
        y = torch.zeros(len(x), dtype=torch.int64)
        return DatasetLoader(TensorDataset(x, y), batch_size=batch_size)

    def to_json(self) -> dict[str, Any]:
        """Return the length."""
        return {"n_latent": self.n_latent}

    def words(self, x: Tensor) -> str:
        """Return the shape: noise says nothing."""
        return f"{'picture' if x.ndim > 1 else 'noise'} {' x '.join(map(str, x.shape))}"

    def _vector(self, place: int, item: object) -> Tensor:
        try:
            x = torch.as_tensor(item, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise DataError(
                f"item {place} must be noise, {self.n_latent} numbers; found {type(item).__name__}."
            ) from error
        if tuple(x.shape) != (self.n_latent,) or not bool(x.isfinite().all()):
            found = tuple(x.shape) if x.isfinite().all() else "NaN or infinity"
            raise DataError(
                f"item {place} must be noise, {self.n_latent} numbers, such as torch.randn("
                f"{self.n_latent}); found {found}."
            )
        return x.detach().cpu()


def read(fields: Fields) -> NoiseInputs:
    """Read the inputs of an export.

    Raises:
        ValueError: naming the field that is wrong.
    """
    return NoiseInputs(fields.whole("n_latent", low=1, high=MAX_NUMBERS))
