"""Import an optional package where it is used, or say how to install it."""

import importlib
from typing import Any

from learnkit.errors import MissingExtraError


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import ``module`` and return it.

    Args:
        module: dotted name, such as ``"matplotlib.pyplot"``.
        extra: the extra of learnkit that brings it.
        purpose: what the caller wanted to do, for the message: ``"show_batch"``.

    Raises:
        MissingExtraError: when the package is not installed; the message gives the pip line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(
            f"{purpose} needs the package {package}, which is not installed. "
            f'Install it with: pip install "learnkit[{extra}]"'
        ) from error
