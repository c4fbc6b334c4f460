"""What a step computes: from a batch to predictions and a loss.

The loop knows only this protocol, so a new kind of problem is a new value and not a new loop.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.losses import activation_name, activation_of
from learnkit.types import Batch, LossFn


class Task(Protocol):
    """How a batch becomes predictions and a loss, and how predictions are read."""

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the model's raw predictions, (B, K) for classes."""

    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return a scalar loss, the mean over the batch."""

    def check(self, preds: Tensor, batch: Batch) -> None:
        """Raise ModelError when predictions and targets cannot belong together."""

    @property
    def activation(self) -> str:
        """Name of the activation that turns raw predictions into what a person reads."""

    def activate(self, preds: Tensor) -> Tensor:
        """Turn raw predictions into what a person reads: probabilities for classes."""


@dataclass(frozen=True)
class Supervised:
    """One target a sample: classes when ``classes`` has any, else whatever ``loss_func`` takes."""

    loss_func: LossFn
    classes: tuple[str, ...] = ()

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return ``model(x)``."""
        preds: Tensor = model(batch.x)
        return preds

    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return ``loss_func(preds, y)``."""
        return self.loss_func(preds, batch.y)

    @property
    def activation(self) -> str:
        """The name of the activation that belongs to the loss: softmax for cross entropy."""
        return activation_name(self.loss_func)

    def activate(self, preds: Tensor) -> Tensor:
        """Apply the activation that belongs to the loss."""
        return activation_of(self.loss_func)(preds)

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
