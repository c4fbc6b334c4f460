"""Begin a picture and end it, the same way everywhere: saved to a file, or shown once.

matplotlib is imported when something is drawn. Knows nothing of what is drawn.
"""

from os import PathLike
from pathlib import Path
from typing import Any

from learnkit.extras import require


def new_figure(size: tuple[float, float], *, path: str | PathLike[str] | None, purpose: str) -> Any:
    """Return an empty matplotlib figure.

    One that only goes to a file stays out of pyplot's global list.

    Args:
        size: (width, height) in inches.
        path: the file it will go to, None for the screen or the notebook.
        purpose: what the user called, for the message when matplotlib is missing.

    Raises:
        MissingExtraError: when matplotlib is not installed.
    """
    if path is None:
        pyplot = require("matplotlib.pyplot", extra="plot", purpose=purpose)
        return pyplot.figure(figsize=size, layout="constrained")
    module = require("matplotlib.figure", extra="plot", purpose=purpose)
    return module.Figure(figsize=size, layout="constrained")


def finish(figure: Any, *, path: str | PathLike[str] | None, purpose: str) -> None:
    """Save the figure, making the folder where it is missing, or show it.

    Whoever calls this returns nothing: a notebook would draw a returned figure a second time.
    """
    if path is None:
        require("matplotlib.pyplot", extra="plot", purpose=purpose).show()
        return
    target = Path(path).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=100)
