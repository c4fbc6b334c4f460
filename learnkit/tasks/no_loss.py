"""What stands in the place of a loss in a task that came with an export."""

from dataclasses import dataclass
from typing import NoReturn

from torch import Tensor

from learnkit.errors import ModelError


@dataclass(frozen=True)
class NoLoss:
    """Knows the activation of the loss that a model was trained with, and refuses to be used."""

    activation: str

    def __call__(self, preds: Tensor, targets: Tensor) -> NoReturn:
        """Raise ModelError: an export has no loss."""
        raise ModelError(
            "this task came with an export, which keeps no loss; give one to a Learner: loss_func=."
        )
