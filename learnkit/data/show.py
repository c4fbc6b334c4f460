"""Draw images in a grid. matplotlib is imported when something is drawn."""

import math
import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from torch import Tensor

from learnkit.extras import require
from learnkit.figures import finish, new_figure
from learnkit.tasks.colours import class_colour, is_painted

MAX_TITLE: Final = 28  # letters of a title; a longer one is cut
_EXPLAINED: Final = 20  # classes in a legend


def draw_grid(
    x: Tensor,
    titles: Sequence[str],
    *,
    colours: Sequence[str] | None = None,
    legend: Sequence[str] = (),
    together: int = 1,
    path: str | os.PathLike[str] | None = None,
    purpose: str = "show_batch",
) -> None:
    """Draw images with a title each, in a grid that is as square as can be.

    Args:
        x: float (N, 3, H, W) in [0, 1].
        titles: one for each image.
        colours: of the titles.
        legend: names of classes whose colours are explained below the grid, at most 20 of them.
        together: so many images that follow each other stay in one row.
        path: a file to save the grid to; None shows it on the screen or in the notebook.
        purpose: what the user called, for the message when matplotlib is missing.
    """
    n_cols = together * math.ceil(math.sqrt(len(titles)) / together)
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
    if legend:
        _explain(figure, legend[:_EXPLAINED], purpose)
    finish(figure, path=path, purpose=purpose)


def _explain(figure: Any, names: Sequence[str], purpose: str) -> None:
    """Say below the grid which colour is which class."""
    patches = require("matplotlib.patches", extra="plot", purpose=purpose)
    handles = [
        patches.Patch(color=class_colour(place), label=_short(name))
        for place, name in enumerate(names)
        if is_painted(name)
    ]
    columns = min(len(handles), max(1, int(figure.get_figwidth() // 1.2)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=9)


def _short(title: str, at_most: int = MAX_TITLE) -> str:
    title = title.encode(errors="replace").decode()  # a folder's name may be no UTF-8
    return title if len(title) <= at_most else title[: at_most - 3] + "..."
