"""One class for each sample."""

from dataclasses import dataclass
from typing import ClassVar

from learnkit.json_fields import Fields
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.supervised import Supervised


@dataclass(frozen=True)
class Classification(Supervised):
    """One of ``classes`` for each sample: y int64 (B,), preds (B, K) logits.

    ``predict`` answers with the most probable class. By cross entropy, activated by softmax,
    unless another loss is given.
    """

    kind: ClassVar[str] = "classification"


def read(classes: tuple[str, ...], activation: str, options: Fields) -> Classification:
    """Make the task of an export."""
    return Classification(NoLoss(activation), classes)
