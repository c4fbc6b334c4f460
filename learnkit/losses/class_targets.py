"""Targets of classes, as numbers or as shares, and the sentences for those that are neither."""

import torch
from torch import Tensor

from learnkit.errors import ModelError


def check_shapes(name: str, preds: Tensor, targets: Tensor) -> None:
    """Look at shapes and dtypes; the host waits for nothing.

    Args:
        name: of the loss.
        preds: logits (B, K, ...).
        targets: class numbers, int64 or uint8 (B, ...), or shares of classes, floats (B, K, ...).

    Raises:
        ModelError: when they are neither.
    """
    wide = preds.ndim > 1 and preds.shape[1] > 1
    if wide and targets.is_floating_point() and targets.shape == preds.shape:
        return
    numbers = (len(preds), *preds.shape[2:])
    if wide and targets.dtype in (torch.int64, torch.uint8) and tuple(targets.shape) == numbers:
        return
    if not wide:
        raise ModelError(
            f"{name} takes logits (B, K) of K >= 2 classes; the model returned shape "
            f"{tuple(preds.shape)}. Give the last layer as many outputs as there are classes."
        )
    as_shares = targets.shape == preds.shape  # of 0 and 1, as one-hot encoding gives them
    raise ModelError(
        f"{name} takes class numbers, int64 of shape {numbers}, or shares of classes, floats of "
        f"shape {tuple(preds.shape)}; the targets are {str(targets.dtype).removeprefix('torch.')} "
        f"of shape {tuple(targets.shape)}. Change them in the dataset: "
        f"{'y.float()' if as_shares else 'y.long(), y.squeeze(1)'}."
    )


def check_labels(
    name: str, preds: Tensor, targets: Tensor, *, ignore_index: int | None = None
) -> None:
    """Look at the values too; the host waits for them.

    Raises:
        ModelError: when a class number or a share is out of range.
    """
    check_shapes(name, preds, targets)
    if not targets.numel():
        return
    counted = targets if ignore_index is None else targets[targets != ignore_index]
    if not counted.numel():
        return
    low, high = counted.min().item(), counted.max().item()
    if targets.is_floating_point():
        if not 0 <= low <= high <= 1:
            raise ModelError(
                f"{name} takes shares of classes in [0, 1]; the targets run from {low:g} to "
                f"{high:g}. For values use a loss such as mse_loss."
            )
        return
    n = preds.shape[1]
    if low < 0 or high >= n:
        raise ModelError(
            f"a label is {low if low < 0 else high}, but the model's output has width {n}, and "
            f"{name} takes labels from 0 to {n - 1}. Check the dataset's targets, or give the last "
            "layer as many outputs as there are classes."
        )


def full(preds: Tensor) -> Tensor:
    """Return logits in float32 or more: a loss is summed in full precision, also in autocast."""
    return preds.float() if preds.dtype in (torch.float16, torch.bfloat16) else preds


def shares(preds: Tensor, targets: Tensor) -> Tensor:
    """Return targets as shares of classes in the shape of ``preds``: 1 at a class number."""
    if targets.is_floating_point():
        return targets.to(preds.dtype)
    return torch.zeros_like(preds).scatter(1, targets.long().unsqueeze(1), 1.0)
