"""Find the weights that learnkit has written: in a file, an export, a checkpoint, or many.

Reading never runs code. Where a folder tells the SHA-256 of its weights, they are compared with it.
"""

import re
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from learnkit.bounded_json import parse_json
from learnkit.errors import CheckpointError, WeightsError
from learnkit.models.weights import StateDict, read_state_dict
from learnkit.regular_file import open_regular, read_regular, size_of
from learnkit.tensor_file import read_layout, read_tensors

WEIGHTS: Final = "model.safetensors"
_SNAPSHOT: Final = "snapshot.json"  # of checkpoints and `save`
_CARD: Final = "model.json"  # of exports
_FILES: Final = (".safetensors", ".pth", ".pt")
_MAX_SNAPSHOT: Final = 64 << 20  # bytes; the history of a very long fit is a tenth of it
_MAX_CARD: Final = 4 << 20
_MAX_PARTS: Final = 10_000  # lists and objects of a card
_MAX_TOKENS: Final = 4_000_000  # strings and brackets of a snapshot

# A string to its end, or to the end of the text; or a bracket. Nothing is looked at twice.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)

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
    for name, read in ((_SNAPSHOT, _of_snapshot), (_CARD, _of_card)):
        if (folder / name).exists():
            try:
                yield str(read(folder / name))
            except (ValueError, KeyError, TypeError) as error:
                why = f"it has no {error}" if isinstance(error, KeyError) else error
                raise ValueError(f"{name} beside it is damaged: {why}") from error


def _of_snapshot(path: Path) -> object:
    data = read_regular(path, max_bytes=_MAX_SNAPSHOT)
    return parse_json(_object_in(data, b'"files"'), max_parts=1)[WEIGHTS]


def _of_card(path: Path) -> object:
    return parse_json(read_regular(path, max_bytes=_MAX_CARD), max_parts=_MAX_PARTS)["sha256"]


def _object_in(data: bytes, key: bytes) -> bytes:
    """Return the text of an object that is a field of the whole one, and build nothing.

    The rest of a snapshot, a fit's history and options, may be deep, large and have NaN in it.
    """
    depth, begin, named = 0, -1, False
    for number, found in enumerate(_TOKEN.finditer(data)):
        if number == _MAX_TOKENS:
            raise ValueError(
                f"its first {_MAX_TOKENS:,} strings and brackets have no {key.decode()}"
            )
        token = found[0]
        if token in (b"{", b"["):
            depth += 1
            begin = found.start() if named and depth == 2 and begin < 0 else begin
        elif token in (b"}", b"]"):
            depth -= 1
            if depth == 1 and begin >= 0:
                return data[begin : found.end()]
        elif depth == 1:
            named = token == key
    raise ValueError(f"it has no object {key.decode()}")
