"""The task of one target a sample, and the base of nearly every other.

What a task with targets of another kind changes, it overrides; the rest it takes from here.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.errors import ExportError, ModelError
from learnkit.losses import ACTIVATIONS, activation_name
from learnkit.tasks.prediction import Prediction, numbers
from learnkit.types import Batch, LossFn, Moves


@dataclass(frozen=True)
class Supervised:
    """One target a sample: classes when ``classes`` has any, else whatever ``loss_func`` takes.

    Attributes:
        loss_func: (preds, targets) to a scalar.
        classes: names in the order of the outputs; empty for other targets.
    """

    loss_func: LossFn
    classes: tuple[str, ...] = ()

    kind: ClassVar[str] = ""
    moves: ClassVar[Moves] = ""
    paints: ClassVar[bool] = False

    def turn(self, step: int) -> Self:
        """Return the task itself: all batches are alike."""
        return self

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return ``model(x)``."""
        preds: Tensor = model(batch.x)
        return preds

    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return ``loss_func(preds, y)``."""
        return self.loss_func(preds, batch.y)

    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return ``preds`` and ``y``."""
        return preds, self.targets(batch)

    def question(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return ``x``."""
        return batch.x

    def targets(self, batch: Batch) -> Tensor:
        """Return ``y``."""
        return batch.y

    @property
    def activation(self) -> str:
        """The name of the activation that belongs to the loss: softmax for cross entropy."""
        return activation_name(self.loss_func)

    def activate(self, preds: Tensor) -> Tensor:
        """Apply the activation that belongs to the loss."""
        return ACTIVATIONS[self.activation](preds)

    def decode(self, row: Tensor) -> Prediction:
        """Return the most probable class, or the values where there are no classes.

        Raises:
            ExportError: when there are more or fewer numbers than classes.
        """
        if self.classes:
            return best_class(row, self.classes)
        index = int(row.argmax()) if row.ndim else 0
        return Prediction(
            label="",
            index=index,
            probability=float(row.flatten()[index]),
            probabilities=row.clone(),
            classes=(),
            value=row.clone(),
        )

    def describe(self, target: Tensor) -> str:
        """Return the class's name, or the values."""
        if self.classes and target.ndim == 0 and not target.is_floating_point():
            place = int(target)
            return self.classes[place] if 0 <= place < len(self.classes) else str(place)
        return numbers(target)

    def is_right(self, prediction: Prediction, target: Tensor) -> bool | None:
        """Compare classes; None for values."""
        if not self.classes or target.ndim or target.is_floating_point():
            return None
        return prediction.index == int(target)

    def paint(self, photo: Tensor, target: Tensor) -> Tensor:
        """Return the photo: there is nothing to draw on it."""
        return photo

    def options(self) -> dict[str, Any]:
        """Return nothing: there is nothing besides classes and activation."""
        return {}

    def check(self, preds: Tensor, batch: Batch) -> None:
        """Compare widths, lengths and labels of one batch.

        Raises:
            ModelError: when the width is not the number of classes, the lengths differ, a label
                is out of range, or the targets are not what the loss takes.
        """
        if not isinstance(preds, Tensor):
            raise ModelError(
                f"the model returned a {type(preds).__name__}; it must return one Tensor (B, K)."
            )
        if len(preds) != len(batch.y):
            raise ModelError(
                f"the model returned {len(preds)} predictions for {len(batch.y)} samples; "
                "the first dimension must be the batch."
            )
        if self.classes and batch.y.dtype == torch.int64:
            self._check_classes(preds, batch.y)
        if isinstance(batch.y, Tensor):
            _check_targets(self.loss_func, preds, batch.y)

    def _check_classes(self, preds: Tensor, y: Tensor) -> None:
        width, n = preds.shape[1] if preds.ndim > 1 else 1, len(self.classes)
        if width != n:
            raise ModelError(
                f"the model's output has width {width}, but the data has {n} classes "
                f"({_few(self.classes)}). Give the last layer {n} outputs."
            )
        low, high = int(y.min()), int(y.max())
        if low < 0 or high >= n:
            wrong = low if low < 0 else high
            raise ModelError(
                f"a label is {wrong}, but with {n} classes labels run from 0 to {n - 1}. "
                "Check the dataset's targets."
            )


def best_class(row: Tensor, classes: tuple[str, ...]) -> Prediction:
    """Return the class with the highest of ``row`` (K,).

    Raises:
        ExportError: when there are more or fewer numbers than classes.
    """
    if row.shape != (len(classes),):
        raise ExportError(
            f"the model answers with {len(row) if row.ndim else 1} numbers, but its card names "
            f"{len(classes)} classes; the export was changed or put together wrongly."
        )
    index = int(row.argmax())
    return Prediction(
        label=classes[index],
        index=index,
        probability=float(row[index]),
        probabilities=row.clone(),
        classes=classes,
        labels=(classes[index],),
        value=classes[index],
    )


def _check_targets(loss_func: LossFn, preds: Tensor, y: Tensor) -> None:
    check = getattr(loss_func, "check", None)  # a loss of `learnkit.losses` knows best
    if callable(check):
        check(preds, y)
        return
    if loss_func is F.cross_entropy or isinstance(loss_func, nn.CrossEntropyLoss):
        _check_class_numbers(preds, y)
        return
    if loss_func is F.nll_loss or isinstance(loss_func, nn.NLLLoss):
        if y.is_floating_point():
            raise ModelError(
                "this loss takes class numbers, int64 (B,); the targets are "
                f"{str(y.dtype).removeprefix('torch.')} {tuple(y.shape)}, as MixUp and CutMix make "
                "them. Leave these out, or take cross entropy and a model that gives logits."
            )
        return
    one_by_one = loss_func in _ELEMENTWISE or isinstance(loss_func, _ELEMENTWISE_MODULES)
    if one_by_one and preds.shape != y.shape:  # torch would compare each sample with every other
        raise ModelError(
            f"the model returned values of shape {tuple(preds.shape)} for targets of shape "
            f"{tuple(y.shape)}, and this loss compares them one by one. Give both one shape: "
            "nn.Flatten(0) at the end of the model, or targets y[:, None]."
        )


def _check_class_numbers(preds: Tensor, y: Tensor) -> None:
    if y.is_floating_point() and y.shape == preds.shape:
        return  # a probability of each class
    if y.dtype not in (torch.int64, torch.uint8) or y.ndim != preds.ndim - 1:
        raise ModelError(
            f"cross entropy takes class numbers, int64 of shape {(len(y), *preds.shape[2:])}; the "
            f"targets are {str(y.dtype).removeprefix('torch.')} of shape {tuple(y.shape)}. "
            "Change them in the dataset: y.long(), y.squeeze(1)."
        )
    if y.numel() and int(y.max()) >= preds.shape[1]:
        raise ModelError(
            f"a label is {int(y.max())}, but the model's output has width {preds.shape[1]}. "
            "Give the last layer as many outputs as there are classes."
        )


_ELEMENTWISE: Final = (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss)
_ELEMENTWISE_MODULES: Final = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)


def check_loss(loss: object, model: nn.Module, *, training: bool) -> None:
    """Look at what a loss function returned, before its first backward pass.

    Raises:
        ModelError: when it is no scalar Tensor, or nothing that trains has a part in it.
    """
    if not isinstance(loss, Tensor) or loss.ndim:
        found = (
            f"a Tensor of shape {tuple(loss.shape)}"
            if isinstance(loss, Tensor)
            else type(loss).__name__
        )
        raise ModelError(
            f"loss_func returned {found}; it must return a scalar Tensor, the mean over the batch."
        )
    if training and not loss.requires_grad:
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ModelError(
                "no weight of the model trains: each has requires_grad=False. learn.unfreeze() "
                "lets all of them train."
            )
        raise ModelError(
            "the loss does not depend on any weight that trains, so there is no gradient. Compute "
            "it from preds by torch functions, without detach(), item() or numpy()."
        )


def _few(names: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
