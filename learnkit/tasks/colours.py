"""Colours of classes, the same in every picture. Knows no plotting library."""

import colorsys
from typing import Final

import torch
from torch import Tensor

# ten that are told apart easily, also by those who see no difference between red and green
_FIRST: Final = (
    (0.00, 0.45, 0.70),
    (0.90, 0.62, 0.00),
    (0.00, 0.62, 0.45),
    (0.80, 0.47, 0.65),
    (0.94, 0.89, 0.26),
    (0.34, 0.71, 0.91),
    (0.84, 0.37, 0.00),
    (0.50, 0.50, 0.50),
    (0.45, 0.20, 0.10),
    (0.30, 0.20, 0.60),
)
_GOLDEN: Final = 0.618033988749895  # of the circle of hues, so that neighbours differ


def class_colour(place: int) -> tuple[float, float, float]:
    """Return (red, green, blue) in [0, 1] of the class at a place.

    The first eight are those of M. Okabe and K. Ito, "Color Universal Design" (2008), in another
    order and with grey for black.
    """
    if place < len(_FIRST):
        return _FIRST[place]
    return colorsys.hsv_to_rgb(place * _GOLDEN % 1.0, 0.55 + 0.4 * (place % 2), 0.9)


def is_painted(name: str) -> bool:
    """Whether a class has a colour in pictures: all but one that is called background."""
    return name.strip().lower() != "background"


def class_colours(n: int) -> Tensor:
    """Return the colours of ``n`` classes: float32 (n, 3) in [0, 1]."""
    return torch.tensor([class_colour(place) for place in range(n)], dtype=torch.float32)
