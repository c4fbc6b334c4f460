"""The files a trained model travels in: ``model.safetensors`` and ``model.json``, nothing else.

Reading them parses JSON into typed, bounded values and tensors; no file can make code run. A model
built by learnkit is rebuilt from its description, any other by a builder that the caller passes.
"""

import hashlib
import json
import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from learnkit.checkpoint import (
    DOCUMENT,
    load_into,
    load_tensors,
    recovered,
    tensor_bytes,
    write_folder,
)
from learnkit.data.geometry import RESIZE_METHODS, Resize
from learnkit.errors import CheckpointError, ExportError
from learnkit.losses import ACTIVATIONS
from learnkit.models.spec import build_from_spec
from learnkit.version import __version__

FORMAT: Final = 1
WEIGHTS: Final = "model.safetensors"
CARD: Final = "model.json"
MAX_CARD_BYTES: Final = 64 * 2**20
MAX_SIDE: Final = 16_384


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
        activation: softmax, sigmoid or identity.
        metrics: the last epoch's numbers.
        versions: of learnkit, torch and Python when it was written.
        sha256: of the weights file.
    """

    spec: dict[str, Any] | None
    classes: tuple[str, ...]
    inputs: ImageInputs | None
    activation: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""


def write_export(folder: Path, model: nn.Module, card: ModelCard) -> Path:
    """Write weights and card into ``folder``, replacing an older export whole or not at all.

    Raises:
        ExportError: when the folder cannot be written, or holds something that is no export.
    """
    if not may_replace(folder):
        raise ExportError(
            f"{folder} exists and holds other things than an export; nothing was written. "
            "Give a new folder, or remove that one first."
        )
    weights = tensor_bytes(model.state_dict())
    document = {
        "format": FORMAT,
        "kind": "learnkit model",
        "model": card.spec,
        "classes": list(card.classes),
        "inputs": None if card.inputs is None else _inputs_json(card.inputs),
        "activation": card.activation,
        # JSON has no NaN, and other programs read this file
        "metrics": {k: v for k, v in card.metrics.items() if math.isfinite(v)},
        "versions": _versions(),
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    files = {WEIGHTS: weights, CARD: json.dumps(document, indent=1).encode()}
    try:
        return write_folder(folder, files)
    except CheckpointError as error:
        raise ExportError(str(error)) from error


def read_export(
    folder: Path, builder: Callable[[], nn.Module] | None = None
) -> tuple[nn.Module, ModelCard]:
    """Rebuild the model of an export, on the CPU and in eval mode, and return it with its card.

    Raises:
        ExportError: when a file is missing, damaged, of another format, or names a model that
            learnkit does not know and no ``builder`` was given.
    """
    folder = recovered(folder)
    card = parse_card(_card_bytes(folder), folder / CARD)
    path = folder / WEIGHTS
    try:
        if card.sha256 != _sha256(path):
            raise ExportError(
                f"{path} is damaged: its SHA-256 is not the one in {CARD}. Copy the export again."
            )
        tensors = load_tensors(path)
    except CheckpointError as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        raise ExportError(
            f"cannot read {path}: {error.strerror}. Copy the whole folder that learn.export() "
            "wrote."
        ) from error
    model = _build(card, builder, folder)
    try:
        load_into(model, tensors, source=path)
    except CheckpointError as error:
        raise ExportError(str(error)) from error
    return model.eval(), card


def parse_card(data: bytes, path: Path) -> ModelCard:
    """Check ``model.json`` against what a card may hold.

    Raises:
        ExportError: naming the field, what was expected and what was found.
    """
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{path} is not JSON: {error}.") from error
    read = _Reader(raw, path)
    if read.value("format", int) != FORMAT:
        raise ExportError(
            f"{path} has format {raw['format']}; this learnkit reads format {FORMAT}. "
            "Load it with the version of learnkit that wrote it."
        )
    activation = read.value("activation", str)
    if activation not in ACTIVATIONS:
        read.refuse("activation", f"one of {', '.join(sorted(ACTIVATIONS))}")
    return ModelCard(
        spec=read.optional("model", dict),
        classes=read.strings("classes"),
        inputs=_parse_inputs(read),
        activation=activation,
        metrics={k: v for k, v in read.value("metrics", dict).items() if _is_number(v)},
        versions={k: v for k, v in read.value("versions", dict).items() if isinstance(v, str)},
        sha256=read.value("sha256", str),
    )


def _parse_inputs(read: "_Reader") -> ImageInputs | None:
    raw = read.optional("inputs", dict)
    if raw is None:
        return None
    inner = _Reader(raw, read.path, "inputs.")
    size = inner.numbers("size", low=1, high=MAX_SIDE)
    mean, std = inner.numbers("mean", low=-1e3, high=1e3), inner.numbers("std", low=1e-6, high=1e3)
    if len(size) != 2 or any(side != int(side) for side in size):
        inner.refuse("size", "two whole numbers, height and width")
    if len(mean) not in (0, 3) or len(std) != len(mean):
        inner.refuse("mean", "three numbers, as for std, or none")
    resize: Any = inner.value("resize", str)
    if resize not in RESIZE_METHODS:
        inner.refuse("resize", f"one of {', '.join(RESIZE_METHODS)}")
    return ImageInputs(size=(int(size[0]), int(size[1])), resize=resize, mean=mean, std=std)


class _Reader:
    """Takes typed fields out of a JSON object, or says which one is wrong."""

    def __init__(self, raw: Any, path: Path, prefix: str = "") -> None:
        self.raw, self.path, self.prefix = raw, path, prefix
        if not isinstance(raw, dict):
            raise ExportError(f"{path} must hold a JSON object; found {type(raw).__name__}.")

    def refuse(self, name: str, expected: str) -> None:
        found = repr(self.raw.get(name, "nothing"))[:60]
        raise ExportError(
            f"{self.path}: field {self.prefix + name!r} must be {expected}; found {found}. "
            "The file was not written by learnkit, or was changed."
        )

    def value(self, name: str, kind: type) -> Any:
        found = self.raw.get(name)
        if not isinstance(found, kind) or isinstance(found, bool):
            self.refuse(name, f"a JSON {_WORDS[kind]}")
        return found

    def optional(self, name: str, kind: type) -> Any:
        return None if self.raw.get(name) is None else self.value(name, kind)

    def strings(self, name: str) -> tuple[str, ...]:
        found = self.value(name, list)
        if not all(isinstance(item, str) for item in found):
            self.refuse(name, "a list of strings")
        return tuple(found)

    def numbers(self, name: str, *, low: float, high: float) -> tuple[float, ...]:
        found = self.value(name, list)
        if not all(_is_number(item) and low <= item <= high for item in found):
            self.refuse(name, f"a list of numbers between {low:g} and {high:g}")
        return tuple(float(item) for item in found)


_WORDS: Final = {int: "whole number", str: "string", list: "list", dict: "object"}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _build(card: ModelCard, builder: Callable[[], nn.Module] | None, folder: Path) -> nn.Module:
    if builder is not None:
        return builder()
    if card.spec is None:
        raise ExportError(
            f"{folder} holds a model that learnkit did not build, and loading never runs code "
            "from a file. Pass its builder: load_learner(path, builder=MyModel)."
        )
    return build_from_spec(card.spec)


def _card_bytes(folder: Path) -> bytes:
    path = folder / CARD
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise ExportError(f"{path} is larger than {MAX_CARD_BYTES >> 20} MiB; refused.")
        return path.read_bytes()
    except OSError as error:
        if (folder / DOCUMENT).exists():
            raise ExportError(
                f"{folder} was written by learn.save(), to go on training: learn.load() takes it. "
                "To predict, give a folder that learn.export() wrote."
            ) from error
        raise ExportError(
            f"cannot read {path}: {error.strerror}. Give the folder that learn.export() wrote."
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def may_replace(folder: Path) -> bool:
    """Return whether an export may be written here: nothing is there, or an export is."""
    if folder.is_dir():
        return {entry.name for entry in folder.iterdir()} <= {WEIGHTS, CARD}
    return not folder.is_file()


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
