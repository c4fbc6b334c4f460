"""Which model a name in a description stands for. Each is imported when it is met."""

from importlib import import_module
from typing import Final, cast

from learnkit.models.kinds.kind import MAX_PARAMETERS, Kind, Values

__all__ = ["KIND_NAMES", "MAX_PARAMETERS", "Kind", "Values", "find_kind"]

# the modules of `learnkit.models.kinds` with a KIND
KIND_NAMES: Final = (
    "autoencoder",
    "char_rnn",
    "cnn",
    "collab",
    "compressed",
    "convnet",
    "gan",
    "lstm",
    "mlp",
    "tabular",
    "text_rnn",
    "transformer",
    "unet",
    "vae",
    "xresnet",
)


def find_kind(name: str) -> Kind:
    """Return the kind of one of ``KIND_NAMES``."""
    return cast("Kind", import_module(f"learnkit.models.kinds.{name}").KIND)
