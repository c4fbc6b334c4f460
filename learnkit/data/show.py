"""Draw images in a grid. matplotlib is imported when something is drawn."""

import math
import os
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from learnkit.figures import finish, new_figure


def draw_grid(
    x: Tensor,
    titles: Sequence[str],
    *,
    colours: Sequence[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    purpose: str = "show_batch",
) -> None:
    """Draw images with a title each, in a grid that is as square as can be.

    Args:
        x: float (N, 3, H, W) in [0, 1].
        titles: one for each image.
        colours: of the titles.
        path: a file to save the grid to; None shows it on the screen or in the notebook.
        purpose: what the user called, for the message when matplotlib is missing.
    """
    n_cols = math.ceil(math.sqrt(len(titles)))
    n_rows = math.ceil(len(titles) / n_cols)
    row = 2.4 * x.shape[2] / x.shape[3] + 0.3  # inches, with room for a title
    figure = new_figure((2.4 * n_cols, row * n_rows), path=path, purpose=purpose)
    grid = figure.subplots(n_rows, n_cols, squeeze=False).ravel()
    pixels = x.detach().float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
    for axes in grid:
        axes.set_axis_off()
    for place, title in enumerate(titles):
        grid[place].imshow(np.ascontiguousarray(pixels[place]))
        colour = colours[place] if colours is not None else "black"
        grid[place].set_title(_short(title), fontsize=10, color=colour, parse_math=False)
    finish(figure, path=path, purpose=purpose)


def _short(title: str, at_most: int = 28) -> str:
    title = title.encode(errors="replace").decode()  # a folder's name may be no UTF-8
    return title if len(title) <= at_most else title[: at_most - 3] + "..."
