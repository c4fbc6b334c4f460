"""Batches of pictures in one form: float32 (B, C, H, W) in [0, 1]. Knows no model."""

from collections.abc import Sequence

import torch
from torch import Tensor

from learnkit.errors import ModelError


def as_pictures(x: Tensor, shape: Sequence[int] | None = None) -> Tensor:
    """Return pictures with their channels, as floats.

    Args:
        x: (B, C, H, W), or (B, H, W) of one channel; uint8 is taken as [0, 255].
        shape: what a picture must be, (C, H, W); None takes any.

    Returns:
        (B, C, H, W), in [0, 1] where x was so, or was uint8.

    Raises:
        ModelError: when x holds no pictures, or pictures of another shape.
    """
    found = x.unsqueeze(1) if x.ndim == 3 else x
    if found.ndim != 4 or (shape is not None and tuple(found.shape[1:]) != tuple(shape)):
        wanted = "(B, C, H, W) or (B, H, W)" if shape is None else f"(B, {_words(shape)})"
        raise ModelError(f"pictures {wanted} are needed; found {tuple(x.shape)}.")
    if found.dtype == torch.uint8:
        return found.float() / 255
    return found if found.is_floating_point() else found.float()


def check_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (C, H, W).

    Raises:
        ValueError: when it is something else, or a number is below 1.
    """
    sides = tuple(shape)
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if len(sides) != 3 or not whole or min(sides) < 1:
        raise ValueError(
            f"shape must be (C, H, W), whole numbers of at least 1; found {tuple(shape)}."
        )
    return sides[0], sides[1], sides[2]


def _words(shape: Sequence[int]) -> str:
    return ", ".join(map(str, shape))
