"""Where progress is drawn: a terminal, a notebook, or a file that gets plain lines.

A display draws one bar at a time, and writes lines and table rows above it. Knows nothing of
training.
"""

import importlib
import importlib.util
import sys
from typing import Literal, TextIO, TypeAlias

from learnkit.display.notebook import FastProgress
from learnkit.display.plain import Display, Plain
from learnkit.display.terminal import Tqdm

__all__ = ["Display", "FastProgress", "Plain", "Style", "Tqdm", "in_notebook", "make_display"]

Style: TypeAlias = Literal["auto", "terminal", "notebook", "plain"]


def make_display(style: Style, stream: TextIO) -> Display:
    """Return the display that suits where the output goes.

    Args:
        style: ``"auto"`` looks at the stream and at whether this is a notebook.
        stream: where lines and bars go.
    """
    if style == "auto":
        style = "notebook" if in_notebook() else "terminal" if stream.isatty() else "plain"
    if style == "plain":
        return Plain(stream)
    return _notebook(stream) if style == "notebook" else Tqdm(stream)


def in_notebook() -> bool:
    """Say whether this runs in a Jupyter kernel or in Colab, without importing IPython."""
    ipython = sys.modules.get("IPython")
    shell = type(ipython.get_ipython()) if ipython is not None else type(None)
    return shell.__name__ == "ZMQInteractiveShell" or shell.__module__.startswith("google.colab")


def _notebook(stream: TextIO) -> Display:
    # fastprogress from 1.1 on has other classes, and draws only where it saw a notebook itself
    if importlib.util.find_spec("fastprogress") is not None:
        module = importlib.import_module("fastprogress.fastprogress")
        if getattr(module, "IN_NOTEBOOK", False) and hasattr(module, "NBMasterBar"):
            return FastProgress(stream, module)
    if importlib.util.find_spec("ipywidgets") is not None:
        return Tqdm(stream, importlib.import_module("tqdm.notebook").tqdm)
    return Tqdm(stream)
