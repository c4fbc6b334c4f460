"""Many small pictures as one file. Needs no plotting library."""

import math
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

_SIDE = 48  # pixels that a picture has at least in the file


def picture_grid(pictures: Tensor, *, columns: int | None = None) -> Image.Image:
    """Put pictures side by side, row by row, with a line between them.

    Small ones are enlarged, each pixel to a square.

    Args:
        pictures: float (N, C, H, W) in [0, 1], C 1 or 3; of other numbers the first map is drawn.
        columns: pictures in a row; as many as rows by default.

    Raises:
        ValueError: when there is no picture.
    """
    if pictures.ndim != 4 or not len(pictures):
        raise ValueError(f"pictures must be (N, C, H, W), N > 0; found {tuple(pictures.shape)}.")
    maps = pictures if pictures.shape[1] == 3 else pictures[:, :1].expand(-1, 3, -1, -1)
    n, _, height, width = maps.shape
    per_row = columns or math.ceil(math.sqrt(n))
    rows = -(-n // per_row)
    times = max(1, -(-_SIDE // max(height, width)))
    pixels = (maps.detach().float().cpu().clamp(0, 1) * 255).round().byte().numpy()
    big = pixels.transpose(0, 2, 3, 1).repeat(times, 1).repeat(times, 2)
    step = (height * times + 2, width * times + 2)
    canvas = np.full((rows * step[0] + 2, per_row * step[1] + 2, 3), 255, np.uint8)
    for place, picture in enumerate(big):
        top = place // per_row * step[0] + 2
        left = place % per_row * step[1] + 2
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return Image.fromarray(canvas)


def save_grid(pictures: Tensor, path: str | PathLike[str], *, columns: int | None = None) -> Path:
    """Write `picture_grid` to a file, making its folder where it is missing."""
    target = Path(path).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    picture_grid(pictures, columns=columns).save(target)
    return target
