"""Files that outlive a process: tensors in safetensors, everything else JSON, never pickle.

A snapshot is a folder: one ``<part>.safetensors`` per part and ``snapshot.json`` with a format
number, the SHA-256 of every part, and the rest of the state. No byte of it can change unnoticed:
the parts have their sums, the document its own, and the JSON is laid out in one way only.

Knows tensors and JSON; knows neither the loop nor the learner.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import safetensors
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from learnkit.errors import CheckpointError
from learnkit.files import recovered, write_file, write_folder

FORMAT: Final = 1
DOCUMENT: Final = "snapshot.json"
MAX_DOCUMENT: Final = 256 << 20  # bytes of JSON; tensors are elsewhere

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Snapshot:
    """What was read back: ``document`` as it was given, ``parts`` by name."""

    document: dict[str, Any]
    parts: dict[str, dict[str, Tensor]]


def save_tensors(path: Path, tensors: Tensors) -> None:
    """Write one safetensors file in a way that never leaves half a file under its name."""
    write_file(path, tensor_bytes(tensors))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read one safetensors file.

    Raises:
        CheckpointError: when it is missing or no safetensors file.
    """
    return _parse(_read(path), path)


def tensor_bytes(tensors: Tensors) -> bytes:
    """Return tensors as the bytes of a safetensors file; shared storage is written out twice."""
    flat = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    seen: set[int] = set()
    for name, value in flat.items():
        pointer = value.untyped_storage().data_ptr()
        if pointer in seen:
            flat[name] = value.clone()
        seen.add(pointer)
    return save_safetensors(flat)


def write_snapshot(folder: Path, parts: Mapping[str, Tensors], document: Mapping[str, Any]) -> Path:
    """Write a snapshot folder, replacing the one that may be there only once this one is whole.

    Raises:
        CheckpointError: when the place cannot be written; what was there is then untouched.
    """
    if folder.exists() and not _may_replace(folder):
        raise CheckpointError(
            f"{folder} exists and holds other things than a checkpoint; nothing was written. "
            "Give a new folder, or remove that one first."
        )
    files = {f"{name}.safetensors": tensor_bytes(tensors) for name, tensors in parts.items()}
    head = {
        "format": FORMAT,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "document": document,
        "document_sha256": _digest(document),
    }
    files[DOCUMENT] = _laid_out(head)
    return write_folder(folder, files)


def read_snapshot(folder: Path) -> Snapshot:
    """Read a snapshot folder and check every file against its SHA-256.

    Raises:
        CheckpointError: when it is missing, from a newer format, torn or changed.
    """
    folder = recovered(folder)
    sums, document = _read_head(folder)
    parts = {}
    for name, expected in sums.items():
        path = folder / Path(name).name
        data = _read(path)
        if hashlib.sha256(data).hexdigest() != expected:
            raise CheckpointError(
                f"{path} is damaged: its SHA-256 is not the one in {DOCUMENT}. "
                "Load an older checkpoint."
            )
        parts[Path(name).stem] = _parse(data, path)
    return Snapshot(document, parts)


def _read_head(folder: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the files' SHA-256 sums and the document, once both are known to be whole."""
    path = folder / DOCUMENT
    raw = _read(path, at_most=MAX_DOCUMENT)
    try:
        head = json.loads(raw)
        number, sums, document = head["format"], dict(head["files"]), dict(head["document"])
        expected = head.get("document_sha256")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is damaged ({type(error).__name__}: {error}). Load an older checkpoint."
        ) from error
    if number != FORMAT:
        raise CheckpointError(
            f"{folder} has format {number}; this learnkit reads format {FORMAT}. "
            "Load it with the version of learnkit that wrote it."
        )
    if expected != _digest(document) or _laid_out(head) != raw:
        raise CheckpointError(
            f"{path} is damaged: its SHA-256 is not the one it was written with. "
            "Load an older checkpoint."
        )
    return sums, document


def load_into(model: torch.nn.Module, tensors: Tensors, *, source: Path) -> None:
    """Copy saved tensors into a model's own, after checking that all of them fit.

    Raises:
        CheckpointError: as `check_fit`.
    """
    check_fit(model, tensors, source=source)
    model.load_state_dict(dict(tensors))


def check_fit(model: torch.nn.Module, tensors: Tensors, *, source: Path) -> None:
    """Compare names and shapes of saved tensors with a model's own.

    Raises:
        CheckpointError: naming the first tensors that do not fit, with found and expected shape.
    """
    problems = misfits(model, tensors)
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(
            f"{source} does not fit this model: {'; '.join(problems[:3])}{more}. "
            "Build the model with the same architecture and the same classes."
        )


def misfits(model: torch.nn.Module, tensors: Tensors) -> list[str]:
    """Say of each tensor that is missing, left over or of another shape what is wrong with it."""
    own = model.state_dict()
    problems = [f"{name} is missing" for name in own if name not in tensors]
    problems += [f"{name} is not in the model" for name in sorted(tensors) if name not in own]
    return problems + [
        f"{name} has shape {tuple(tensors[name].shape)}, expected {tuple(own[name].shape)}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]


def _may_replace(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    names = {entry.name for entry in folder.iterdir()}
    return not names or (
        DOCUMENT in names and all(n == DOCUMENT or n.endswith(".safetensors") for n in names)
    )


def _laid_out(head: Mapping[str, Any]) -> bytes:
    return json.dumps(head).encode()  # in one line, which is a tenth of the work


def _digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document's values, however its JSON is laid out."""
    plain = json.loads(json.dumps(document))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _read(path: Path, *, at_most: int | None = None) -> bytes:
    try:
        if at_most is not None and path.stat().st_size > at_most:
            raise CheckpointError(f"{path} is larger than {at_most >> 20} MiB; it was not read.")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror}. Give the folder that `save` or `export` wrote."
        ) from error


def _parse(data: bytes, path: Path) -> dict[str, Tensor]:
    try:
        return load_safetensors(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}.") from error
