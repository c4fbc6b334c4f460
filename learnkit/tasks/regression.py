"""Values for each sample."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from learnkit.json_fields import Fields
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.prediction import Prediction, numbers
from learnkit.tasks.supervised import Supervised

_MAX_NAMES = 10_000


@dataclass(frozen=True)
class Regression(Supervised):
    """Values for each sample: y float32 (B,) or (B, K), preds of the same shape.

    ``predict`` answers with the values as a Tensor. By mean squared error unless another loss is
    given.

    Attributes:
        names: of the K values, for printing; empty where nobody named them.
    """

    names: tuple[str, ...] = ()

    kind: ClassVar[str] = "regression"

    @override
    def decode(self, row: Tensor) -> Prediction:
        """Return the values."""
        flat = row.flatten()
        return Prediction(
            label="",
            index=0,
            probability=float(flat[0]),
            probabilities=row.clone(),
            classes=(),
            value=row.clone(),
            text=self._words(row),
        )

    @override
    def describe(self, target: Tensor) -> str:
        """Return the values, with their names where they have some."""
        return self._words(target)

    @override
    def options(self) -> dict[str, list[str]]:
        """Return the values' names."""
        return {"names": list(self.names)}

    def _words(self, row: Tensor) -> str:
        if len(self.names) != row.numel() or row.numel() > 8:
            return numbers(row)
        named = zip(self.names, row.flatten().tolist(), strict=True)
        return ", ".join(f"{name} {value:.4g}" for name, value in named)


def read(classes: tuple[str, ...], activation: str, options: Fields) -> Regression:
    """Make the task of an export."""
    names = options.strings("names", at_most=_MAX_NAMES, length=1_000)
    return Regression(NoLoss(activation), (), names)
