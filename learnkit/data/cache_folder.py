"""Where learnkit keeps what it can make again: ``~/.cache/learnkit``, or ``LEARNKIT_HOME``."""

import os
from pathlib import Path


def home_folder() -> Path:
    """Return the folder of everything that learnkit keeps; it may not exist yet."""
    return Path(os.environ.get("LEARNKIT_HOME") or "~/.cache/learnkit").expanduser()


def decoded_folder() -> Path:
    """Return the folder of decoded images."""
    return home_folder() / "decoded"


def index_folder() -> Path:
    """Return the folder of the lists of files that large data folders hold."""
    return home_folder() / "index"
