"""Warn the user at the line of their own code that called learnkit."""

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).resolve().parent.parent)


def warn_user(message: str) -> None:
    """Issue a ``UserWarning`` that points at the nearest caller outside learnkit.

    A fixed ``stacklevel`` would be wrong for every helper that is reached by two ways.
    """
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level + 1)
