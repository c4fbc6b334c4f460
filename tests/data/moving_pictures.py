"""Photos whose colours are their masks, so that each must stay equal to the other."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

Mask = npt.NDArray[np.uint8]


def regions(height: int, width: int, seed: int) -> Mask:
    """Large regions of the numbers 0, 1 and 2."""
    noise = np.random.default_rng(seed).normal(size=(3, 3, 3)).astype(np.float32)
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth.argmax(2).astype(np.uint8)


def picture_of(mask: Mask) -> Mask:
    """One pure colour a number."""
    return np.eye(3, dtype=np.uint8)[mask] * np.uint8(255)


def write_pair(folder: Path, name: str, size: tuple[int, int], seed: int) -> None:
    """Write ``images/NAME.png`` and ``masks/NAME.png``."""
    mask = regions(*size, seed)
    for part, pixels in (("images", picture_of(mask)), ("masks", mask)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / part / f"{name}.png")


def agreement(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Return how much of x (B, 3, H, W) is of one colour, and on how much of that y agrees."""
    values, places = x.float().div(255.0 if x.dtype == torch.uint8 else 1.0).max(1)
    pure = values > 0.97
    return float(pure.float().mean()), float((places[pure] == y[pure]).float().mean())


def off_by(light: torch.Tensor, point: torch.Tensor, reach: int = 8) -> float:
    """Return how many pixels a point in [-1, 1] is from the middle of the light around it.

    NaN where there is no light within ``reach`` pixels; what is reflected further away is not seen.
    """
    height, width = light.shape
    x, y = (point[0] + 1) / 2 * width, (point[1] + 1) / 2 * height
    columns, rows = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    near = ((columns - x).abs() <= reach)[None] & ((rows - y).abs() <= reach)[:, None]
    seen = light.double() * near
    middle_x = (seen.sum(0) * columns).sum() / seen.sum()
    middle_y = (seen.sum(1) * rows).sum() / seen.sum()
    return float(torch.hypot(middle_x - x, middle_y - y))
