"""What several verbs need: a device from a word, a folder that can be written to."""

import tempfile
from pathlib import Path

import torch

from learnkit.device import resolve_device
from learnkit.errors import ExportError, LearnkitError
from learnkit.export import may_replace


def device_of(word: str | None) -> torch.device:
    """Return the device that ``word`` names; the best there is for None.

    Raises:
        LearnkitError: when torch knows no such device, or this machine has none.
    """
    try:
        return resolve_device(word)
    except ValueError as error:
        raise LearnkitError(f"--{error}") from error


def writable_folder(path: str) -> Path:
    """Make a folder if need be and try to write to it: before the work, not after.

    Raises:
        ExportError: when that is not possible, or ``model`` in it holds something else.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ExportError(
            f"cannot write to {folder.absolute()} ({error.strerror}); nothing was trained. "
            "Give another folder: --out DIR."
        ) from error
    model = folder / "model"
    if not may_replace(model):
        raise ExportError(
            f"{model.absolute()} exists and holds other things than an export; nothing was "
            "trained. Give another folder: --out DIR."
        )
    return folder
