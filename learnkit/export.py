"""The files a trained model travels in: ``model.safetensors`` and ``model.json``, nothing else.

Reading them parses JSON into typed, bounded values and tensors; no file can make code run. A model
built by learnkit is rebuilt from its description, any other by a builder that the caller passes.
Nothing is allocated that the size of the files does not justify.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from learnkit.card import CHANGED, MAX_BYTES, ModelCard, card_json, parse_card
from learnkit.checkpoint import DOCUMENT, check_fit, load_into, tensor_bytes
from learnkit.data.image_inputs import ImageInputs
from learnkit.data.inputs import ChecksModel
from learnkit.errors import CheckpointError, ExportError
from learnkit.files import recovered, write_folder
from learnkit.models.spec import (
    build_from_spec,
    check_spec,
    n_outputs,
    outline_from_spec,
    takes_photos,
)
from learnkit.regular_file import open_regular, read_regular, size_of
from learnkit.tensor_file import read_layout, read_tensors, type_problems

__all__ = ["ModelCard", "may_replace", "read_export", "write_export"]

WEIGHTS: Final = "model.safetensors"
CARD: Final = "model.json"


def write_export(folder: Path, model: nn.Module, card: ModelCard) -> Path:
    """Write weights and card into ``folder``, replacing an older export whole or not at all.

    Raises:
        ExportError: when the folder cannot be written, holds something that is no export, or the
            export would be one that `read_export` refuses.
    """
    if not may_replace(folder):
        raise ExportError(
            f"{folder} exists and holds other things than an export; nothing was written. "
            "Give a new folder, or remove that one first."
        )
    if card.spec is not None:
        check_spec(card.spec)
    weights = tensor_bytes(model.state_dict())
    try:
        read_layout(io.BytesIO(weights), len(weights))
    except ValueError as error:
        raise ExportError(
            f"This model's weights could not be read again, so nothing was written: {error}. "
            "Keep it by torch.save(model.state_dict(), path)."
        ) from error
    document = card_json(card, sha256=hashlib.sha256(weights).hexdigest())
    try:
        return write_folder(folder, {WEIGHTS: weights, CARD: document})
    except CheckpointError as error:
        raise ExportError(str(error)) from error


def read_export(
    folder: Path, builder: Callable[[], nn.Module] | None = None
) -> tuple[nn.Module, ModelCard]:
    """Rebuild the model of an export, on the CPU and in eval mode, and return it with its card.

    The described model is first built without memory, on torch's meta device, and the weights are
    read only if they are that model's.

    Raises:
        ExportError: when a file is missing, damaged, of another format, no plain file or too
            large, or names a model that learnkit does not know and no ``builder`` was given.
    """
    folder = recovered(folder)
    card = parse_card(_card_bytes(folder), folder / CARD)
    model = None if builder is None else _call(builder)
    outline = _outline(card, folder) if model is None else model
    tensors = _read_weights(folder / WEIGHTS, outline, card.sha256)
    if model is None:
        model = build_from_spec(card.spec)
    try:
        load_into(model, tensors, source=folder / WEIGHTS)
    except CheckpointError as error:
        raise ExportError(str(error)) from error
    return model.eval(), card


def _outline(card: ModelCard, folder: Path) -> nn.Module:
    """Build the model that a card describes without memory for its numbers."""
    if card.spec is None:
        raise ExportError(
            f"{folder} holds a model that learnkit did not build, and loading never runs code "
            "from a file. Pass its builder: load_learner(path, builder=MyModel)."
        )
    try:
        model = outline_from_spec(card.spec)
    except ExportError as error:
        raise ExportError(f"{folder / CARD}: {error} {CHANGED}") from error
    _check_ends(card, card.spec, folder / CARD)
    return model


def _check_ends(card: ModelCard, spec: Mapping[str, Any], path: Path) -> None:
    """Compare what goes into a model, and what comes out, with the rest of its card."""
    outputs = n_outputs(spec)
    if card.classes and outputs is not None and len(card.classes) != outputs:
        raise ExportError(
            f"{path}: the model has {outputs} outputs, but {len(card.classes)} classes are named. "
            f"{CHANGED}"
        )
    if isinstance(card.inputs, ImageInputs) and not takes_photos(spec, *card.inputs.size):
        height, width = card.inputs.size
        raise ExportError(
            f"{path}: the model does not take photos of {height} x {width} pixels. {CHANGED}"
        )
    inputs: object = card.inputs
    if isinstance(inputs, ChecksModel) and (why := inputs.unfit(spec)):
        raise ExportError(f"{path}: {why}. {CHANGED}")


def _call(builder: Callable[[], nn.Module]) -> nn.Module:
    model = builder()
    if not isinstance(model, nn.Module) or any(map(is_lazy, model.state_dict().values())):
        found = "lazy layers" if isinstance(model, nn.Module) else type(model).__name__
        raise ExportError(
            "builder must return a module, all of whose parameters have their shapes; found "
            f"{found}."
        )
    return model


def _read_weights(path: Path, model: nn.Module, sha256: str) -> dict[str, Tensor]:
    """Read the weights file, once its header and its size are known to be those of ``model``."""
    try:
        with open_regular(path) as file:
            size = size_of(file)
            layout = read_layout(file, size)
            check_fit(model, layout, source=path)
            _check_types(path, model, layout)
            return read_tensors(file, size, sha256=sha256)
    except CheckpointError as error:
        raise ExportError(str(error)) from error
    except ValueError as error:
        raise ExportError(f"{path} cannot be used: {error}. Copy the export again.") from error
    except OSError as error:
        raise ExportError(
            f"cannot read {path}: {error.strerror}. Copy the whole folder that learn.export() "
            "wrote."
        ) from error


def _check_types(path: Path, model: nn.Module, layout: dict[str, Tensor]) -> None:
    problems = type_problems(model.state_dict(), layout)
    if problems:
        raise ExportError(
            f"{path} does not fit this model: {'; '.join(problems[:3])}. Export it again from a "
            "model of these types, or pass a builder= that makes one of the file's."
        )


def _card_bytes(folder: Path) -> bytes:
    path = folder / CARD
    try:
        return read_regular(path, max_bytes=MAX_BYTES)
    except OSError as error:
        if (folder / DOCUMENT).exists():
            raise ExportError(
                f"{folder} was written by learn.save(), to go on training: learn.load() takes it. "
                "To predict, give a folder that learn.export() wrote."
            ) from error
        raise ExportError(
            f"cannot read {path}: {error.strerror}. Give the folder that learn.export() wrote."
        ) from error


def may_replace(folder: Path) -> bool:
    """Return whether an export may be written here: nothing is there, or an export is."""
    if folder.is_dir():
        return {entry.name for entry in folder.iterdir()} <= {WEIGHTS, CARD}
    return not folder.is_file()
