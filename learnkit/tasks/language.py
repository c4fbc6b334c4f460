"""The next token at each place of a text."""

from dataclasses import dataclass, replace
from typing import ClassVar, Final

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.errors import ModelError
from learnkit.json_fields import Fields
from learnkit.losses import ACTIVATIONS
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.prediction import Prediction
from learnkit.tasks.supervised import Supervised, best_class
from learnkit.types import Batch

UNKNOWN_TOKEN: Final = "<unknown>"  # the first of a `Vocabulary`


@dataclass(frozen=True)
class LanguageModel(Supervised):
    """The next token at each place: x and y int64 (B, T), preds (B, T, V) logits.

    Loss and metrics see each place as a sample of its own: logits (B * T, V) and class numbers
    (B * T,), so that any loss and metric of classes works, ``perplexity`` too. ``predict`` answers
    with what comes after the last place.

    Attributes:
        loss_func: of logits (N, V) and class numbers (N,), such as cross entropy.
        classes: the V tokens.
    """

    kind: ClassVar[str] = "language"

    @override
    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return the loss over all places."""
        return self.loss_func(*self.compare(preds, batch))

    @override
    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return logits (B * T, V) and class numbers (B * T,)."""
        return preds.flatten(0, 1), batch.y.flatten()

    @override
    def activate(self, preds: Tensor) -> Tensor:
        """Return the probabilities of every token at each place, (B, T, V)."""
        return ACTIVATIONS[self.activation](preds.movedim(-1, 1)).movedim(1, -1)

    @override
    def check(self, preds: Tensor, batch: Batch) -> None:
        """Compare shapes, widths and tokens.

        Raises:
            ModelError: when predictions are not (B, T, V), or a target is no token.
        """
        y, n = batch.y, len(self.classes)
        if not isinstance(preds, Tensor) or preds.shape != (*y.shape, n):
            found = tuple(preds.shape) if isinstance(preds, Tensor) else type(preds).__name__
            raise ModelError(
                f"a model of language must return logits (B, T, V), here {(*y.shape, n)} for "
                f"targets {tuple(y.shape)} and {n} tokens; found {found}."
            )
        if y.dtype != torch.int64 or int(y.min()) < 0 or int(y.max()) >= n:
            raise ModelError(
                f"targets must be tokens, int64 from 0 to {n - 1}; found {str(y.dtype)[6:]} from "
                f"{y.min().item()} to {y.max().item()}."
            )

    @override
    def decode(self, row: Tensor) -> Prediction:
        """Return the most probable next token, by the last place of ``row`` (T, V).

        The token of what is unknown is no answer, though its probability is among those told.

        Raises:
            ExportError: when there are more or fewer numbers than tokens.
        """
        last = row[-1] if row.ndim == 2 and len(row) else row
        best = best_class(last, self.classes)
        if best.label != UNKNOWN_TOKEN or len(self.classes) < 2:
            return best
        others = last.clone()
        others[best.index] = -1.0
        return replace(best_class(others, self.classes), probabilities=last.clone())

    @override
    def describe(self, target: Tensor) -> str:
        """Return the last of one sample's targets (T,), the token that ``decode`` is about."""
        return self.classes[int(target.flatten()[-1])]

    @override
    def is_right(self, prediction: Prediction, target: Tensor) -> bool | None:
        """Compare the last token."""
        return prediction.index == int(target.flatten()[-1])


def read(classes: tuple[str, ...], activation: str, options: Fields) -> LanguageModel:
    """Make the task of an export."""
    return LanguageModel(NoLoss(activation), classes)
