"""Several labels for each sample, or none."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.errors import ExportError, ModelError
from learnkit.json_fields import Fields
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.prediction import Prediction
from learnkit.tasks.supervised import Supervised
from learnkit.types import Batch


@dataclass(frozen=True)
class MultiLabel(Supervised):
    """Any number of ``classes`` for each sample: y bool (B, K), preds (B, K) logits.

    ``predict`` answers with the labels whose probability is above ``threshold``. By binary cross
    entropy, activated by the sigmoid, unless another loss is given.

    Attributes:
        threshold: a probability in [0, 1); a label that is more probable holds.
    """

    threshold: float = 0.5

    kind: ClassVar[str] = "multilabel"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold must be in [0, 1); got {self.threshold!r}.")

    @override
    def check(self, preds: Tensor, batch: Batch) -> None:
        """Compare the shapes of predictions and targets.

        Raises:
            ModelError: when the width is not the number of labels.
        """
        n = len(self.classes)
        if isinstance(preds, Tensor) and n and preds.shape[1:] != (n,):
            raise ModelError(
                f"the model's output has shape {tuple(preds.shape)}, but the data has {n} labels; "
                f"it must be (B, {n}). Give the last layer {n} outputs."
            )
        super().check(preds, batch)

    @override
    def decode(self, row: Tensor) -> Prediction:
        """Return the labels above the threshold.

        Raises:
            ExportError: when there are more or fewer numbers than labels.
        """
        names = self.classes or tuple(str(i) for i in range(row.numel()))
        if row.shape != (len(names),):
            raise ExportError(
                f"the model answers with {row.numel()} numbers, but its card names {len(names)} "
                "labels; the export was changed or put together wrongly."
            )
        labels = self._held(row > self.threshold, names)
        index = int(row.argmax())
        return Prediction(
            label=names[index],
            index=index,
            probability=float(row[index]),
            probabilities=row.clone(),
            classes=names,
            labels=labels,
            value=labels,
            text=", ".join(labels) or "(no label)",
        )

    @override
    def describe(self, target: Tensor) -> str:
        """Return the labels that hold."""
        names = self.classes or tuple(str(i) for i in range(target.numel()))
        return ", ".join(self._held(target > 0.5, names)) or "(no label)"

    @override
    def is_right(self, prediction: Prediction, target: Tensor) -> bool | None:
        """Say whether exactly the labels that hold were predicted."""
        return prediction.labels == self._held(target > 0.5, prediction.classes)

    @override
    def options(self) -> dict[str, float]:
        """Return the threshold."""
        return {"threshold": float(self.threshold)}

    @staticmethod
    def _held(chosen: Tensor, names: tuple[str, ...]) -> tuple[str, ...]:
        places = torch.nonzero(chosen).flatten().tolist()
        return tuple(names[place] for place in places)


def read(classes: tuple[str, ...], activation: str, options: Fields) -> MultiLabel:
    """Make the task of an export."""
    threshold = options.number("threshold", low=0.0, high=0.999999)
    return MultiLabel(NoLoss(activation), classes, threshold)
