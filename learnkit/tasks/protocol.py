"""What a step computes: from a batch to predictions and a loss, and how predictions are read.

The loop, prediction, pictures and exports know only this protocol, so a new kind of problem is a
new value and not a new loop. `Supervised` is the base that most tasks need only a few lines on.
"""

from typing import Any, Protocol

from torch import Tensor, nn

from learnkit.tasks.prediction import Prediction
from learnkit.types import Batch, Moves


class Step(Protocol):
    """What the loop asks of a task: how a batch becomes predictions and a loss."""

    def turn(self, step: int) -> "Step":
        """Return the task of the training batch number ``step``, counted over all fits from 0.

        Itself, unless batches take turns at different parts of a model, as a GAN's do. A pure
        function of ``step``, so that a fit that goes on from a checkpoint takes the same turns.
        """

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the model's raw predictions; the first dimension is the batch."""

    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return a scalar loss, the mean over the batch."""

    def check(self, preds: Tensor, batch: Batch) -> None:
        """Raise ModelError when predictions and targets cannot belong together."""

    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what metrics are given: predictions and targets."""


class Task(Step, Protocol):
    """A step, and how its predictions are read and shown."""

    @property
    def kind(self) -> str:
        """The task's name in an export: ``"classification"``; empty for one of your own."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the outputs; empty without classes."""

    @property
    def moves(self) -> Moves:
        """How targets move with a picture that is turned: ``""``, ``"mask"`` or ``"points"``."""

    @property
    def activation(self) -> str:
        """Name of the activation that turns raw predictions into what a person reads."""

    def activate(self, preds: Tensor) -> Tensor:
        """Turn raw predictions into what a person reads: probabilities for classes."""

    def decode(self, row: Tensor) -> Prediction:
        """Read one sample's activated predictions, on the CPU."""

    def question(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return what the model is given for predictions: x; noise, where it draws pictures."""

    def targets(self, batch: Batch) -> Tensor:
        """Return what the batch's answers should be: y; for a reconstruction x."""

    def describe(self, target: Tensor) -> str:
        """Say one sample's target in words."""

    def is_right(self, prediction: Prediction, target: Tensor) -> bool | None:
        """Say whether a prediction hits its target; None where that is no yes or no."""

    @property
    def paints(self) -> bool:
        """Whether targets are drawn as pictures: masks, points, reconstructions."""

    def paint(self, photo: Tensor, target: Tensor) -> Tensor:
        """Draw a target, or the ``value`` of a prediction, on its photo.

        Args:
            photo: float (3, H, W) in [0, 1].
            target: as the loader gives it, or as ``decode`` returns it in ``value``.

        Returns:
            float (3, H, W) in [0, 1]; the photo where there is nothing to draw.
        """

    def options(self) -> dict[str, Any]:
        """Return what an export keeps besides kind, classes and activation, as plain values."""
