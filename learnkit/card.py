"""What is known of an exported model besides its weights, and its form as ``model.json``.

Reading takes nothing on trust: every field is of a known type and within bounds. Knows no files
but this one's content, and no models.
"""

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from learnkit.bounded_json import parse_json
from learnkit.data.geometry import RESIZE_METHODS, Resize
from learnkit.errors import ExportError
from learnkit.json_fields import Fields
from learnkit.losses import ACTIVATIONS
from learnkit.version import __version__

FORMAT: Final = 1
KIND: Final = "learnkit model"
CHANGED: Final = (
    "It was not written by learnkit, or was changed: get the export again from where it was made."
)
MAX_BYTES: Final = 4 << 20
MAX_CLASSES: Final = 100_000
MAX_LETTERS: Final = 1_000  # of a name
MAX_SIDE: Final = 16_384
MAX_AREA: Final = 4_096 * 4_096  # a batch of one is then 0.2 GB in float32
_MAX_PARTS: Final = 1_000  # lists and objects; a card of today has a dozen
_MAX_ENTRIES: Final = 1_000  # of metrics and versions


@dataclass(frozen=True, kw_only=True)
class ImageInputs:
    """How a photo becomes the model's input.

    Attributes:
        size: height and width in pixels.
        resize: how a photo of another shape is fitted: crop, pad or squish.
        mean: per channel, of RGB in [0, 1]; empty when photos are not normalised.
        std: per channel, of RGB in [0, 1]; empty likewise.
    """

    size: tuple[int, int]
    resize: Resize
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """All that must be known about a model besides its weights.

    Attributes:
        spec: learnkit's own description of the architecture; None for a model of the user's.
        classes: names in the order of the outputs; empty for a model without classes.
        inputs: how photos are prepared; None when inputs are tensors.
        activation: softmax, sigmoid, exp or identity.
        metrics: the last epoch's numbers.
        versions: of learnkit, torch and Python when it was written.
        sha256: of the weights file.
        fingerprint: SHA-256 of what the model came from, as 64 hexadecimal digits; empty when it
            is not known.
    """

    spec: dict[str, Any] | None
    classes: tuple[str, ...]
    inputs: ImageInputs | None
    activation: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    fingerprint: str = ""


def card_json(card: ModelCard, *, sha256: str) -> bytes:
    """Return a card as JSON, with the SHA-256 of its weights and the versions of now.

    Raises:
        ExportError: when `parse_card` would refuse it.
    """
    document = {
        "format": FORMAT,
        "kind": KIND,
        "model": card.spec,
        "classes": list(card.classes),
        "inputs": None if card.inputs is None else _inputs_json(card.inputs),
        "activation": card.activation,
        # JSON has no NaN, and other programs read this file
        "metrics": {k: v for k, v in card.metrics.items() if math.isfinite(v)},
        "versions": _versions(),
        "sha256": sha256,
    }
    if card.fingerprint:
        document["fingerprint"] = card.fingerprint
    data = json.dumps(document, indent=1).encode()
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has {len(data):,} bytes, more than {MAX_BYTES:,}")
        _card_of(Fields(parse_json(data, max_parts=_MAX_PARTS)))
    except ValueError as error:
        raise ExportError(
            f"This model's card could not be read again, so nothing was written: {error}. "
            "Change that, or keep the model by learn.save()."
        ) from error
    return data


def parse_card(data: bytes, path: Path) -> ModelCard:
    """Check the content of ``model.json`` against what a card may hold.

    Fields that are not known are left alone, so that a later release may add some.

    Args:
        data: at most ``MAX_BYTES`` of it.
        path: for messages.

    Raises:
        ExportError: naming the field, what was expected and what was found.
    """
    try:
        read = Fields(parse_json(data, max_parts=_MAX_PARTS))
        number = read.value("format", int)
        if number != FORMAT:
            raise ExportError(
                f"{path} has format {number}; this learnkit reads format {FORMAT}. "
                "Load it with the version of learnkit that wrote it."
            )
        return _card_of(read)
    except ValueError as error:
        raise ExportError(f"{path}: {error}. {CHANGED}") from error


def _card_of(read: Fields) -> ModelCard:
    if read.value("kind", str) != KIND:
        read.refuse("kind", repr(KIND))
    activation = read.value("activation", str)
    if activation not in ACTIVATIONS:
        read.refuse("activation", f"one of {', '.join(sorted(ACTIVATIONS))}")
    return ModelCard(
        spec=read.optional("model", dict),
        classes=read.strings("classes", at_most=MAX_CLASSES, length=MAX_LETTERS),
        inputs=_parse_inputs(read),
        activation=activation,
        metrics=read.table("metrics", float, at_most=_MAX_ENTRIES, length=MAX_LETTERS),
        versions=read.table("versions", str, at_most=_MAX_ENTRIES, length=MAX_LETTERS),
        sha256=read.sha256("sha256"),
        fingerprint=read.sha256("fingerprint") if read.has("fingerprint") else "",
    )


def _parse_inputs(read: Fields) -> ImageInputs | None:
    raw = read.optional("inputs", dict)
    if raw is None:
        return None
    inner = Fields(raw, "inputs.")
    size = inner.numbers("size", low=1, high=MAX_SIDE)
    if len(size) != 2 or any(side != int(side) for side in size):
        inner.refuse("size", "two whole numbers, height and width")
    height, width = int(size[0]), int(size[1])
    if height * width > MAX_AREA:
        inner.refuse("size", f"at most {MAX_AREA:,} pixels together")
    mean, std = inner.numbers("mean", low=-1e3, high=1e3), inner.numbers("std", low=1e-6, high=1e3)
    if len(mean) not in (0, 3) or len(std) != len(mean):
        inner.refuse("mean", "three numbers, as for std, or none")
    resize: Any = inner.value("resize", str)
    if resize not in RESIZE_METHODS:
        inner.refuse("resize", f"one of {', '.join(RESIZE_METHODS)}")
    return ImageInputs(size=(height, width), resize=resize, mean=mean, std=std)


def _inputs_json(inputs: ImageInputs) -> dict[str, Any]:
    return {
        "size": list(inputs.size),
        "resize": inputs.resize,
        "mean": list(inputs.mean),
        "std": list(inputs.std),
    }


def _versions() -> dict[str, str]:
    return {
        "learnkit": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
