"""Find the weights that learnkit has written: in a file, an export, a checkpoint, or many.

Reading never runs code. Where a folder tells the SHA-256 of its weights, they are compared with it.
"""

import json
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from learnkit.errors import CheckpointError, WeightsError
from learnkit.models.weights import StateDict, read_state_dict
from learnkit.regular_file import open_regular, read_regular, size_of
from learnkit.tensor_file import read_layout, read_tensors

WEIGHTS: Final = "model.safetensors"
_SUMS: Final = ("snapshot.json", "model.json")  # of checkpoints and `save`; of exports
_FILES: Final = (".safetensors", ".pth", ".pt")
_MAX_JSON: Final = 256 << 20

AnyPath = str | PathLike[str]


def saved_weights(given: AnyPath | Sequence[AnyPath], base: Path) -> list[Path]:
    """Return the file or folder of each set of weights.

    Args:
        given: files, folders that ``learn.save``, ``learn.export`` or a fit wrote, or folders of
            such, which are looked into once.
        base: where relative paths begin.

    Raises:
        CheckpointError: for a path that is missing, or a folder without weights.
    """
    paths = [given] if isinstance(given, str | PathLike) else list(given)
    found = [each for path in paths for each in _within(base / path)]
    if not found:
        raise CheckpointError("no weights were given; name files, or folders that hold some.")
    return found


def _within(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise CheckpointError(f"{path} does not exist. Give a file of weights, or a folder.")
        return [path]
    if (path / WEIGHTS).exists():
        return [path]
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    inside = [e for e in entries if (e / WEIGHTS).exists() or e.suffix.lower() in _FILES]
    if not inside:
        raise CheckpointError(
            f"{path} holds no weights. Give a .safetensors or .pth file, a folder that learn.save "
            "or learn.export wrote, or the checkpoint folder of a fit."
        )
    return inside


def read_saved(path: Path) -> StateDict:
    """Return the tensors of one path of `saved_weights`, on the CPU.

    Raises:
        CheckpointError: when they are missing, damaged, or not those of the folder's sum.
    """
    try:
        if not path.is_dir():
            return read_state_dict(path)
        for expected in _sums(path):
            with open_regular(path / WEIGHTS) as file:
                size = size_of(file)
                read_layout(file, size)
                return read_tensors(file, size, sha256=expected)
        return read_state_dict(path / WEIGHTS)
    except WeightsError as error:
        raise CheckpointError(str(error)) from error
    except ValueError as error:
        raise CheckpointError(f"{path / WEIGHTS} cannot be used: {error}.") from error
    except OSError as error:
        raise CheckpointError(f"cannot read {path / WEIGHTS}: {error.strerror}.") from error


def _sums(folder: Path) -> Iterator[str]:
    """Give the SHA-256 that a folder tells of its weights, if it tells one."""
    for name in _SUMS:
        if (folder / name).exists():
            try:
                head = json.loads(read_regular(folder / name, max_bytes=_MAX_JSON))
                found = head["files"][WEIGHTS] if "files" in head else head["sha256"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(f"{name} beside it is damaged ({type(error).__name__})") from error
            yield str(found)
