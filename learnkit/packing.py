"""Nested plain state to JSON and tensors, and back; no pickle."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from torch import Tensor

from learnkit.errors import CheckpointError

_KEYS: Final = (str, int, float, type(None))


def pack(value: Any, tensors: dict[str, Tensor], at: str = "") -> Any:
    """Return ``value`` as JSON; its tensors go into ``tensors`` under their place's name.

    Takes None, bool, int, float, str, Tensor, and lists, tuples and dicts of them.

    Raises:
        CheckpointError: naming the place of anything else.
    """
    if isinstance(value, Tensor):
        while at in tensors:  # {"a.b": ...} beside {"a": {"b": ...}}
            at += "'"
        tensors[at] = value
        return {"tensor": at}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return {"tuple": [pack(v, tensors, f"{at}.{i}") for i, v in enumerate(value)]}
    if isinstance(value, list):
        return [pack(v, tensors, f"{at}.{i}") for i, v in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(k, _KEYS) for k in value):
        return {"dict": [[k, pack(v, tensors, f"{at}.{k}")] for k, v in value.items()]}
    raise CheckpointError(
        f"cannot save {at or 'the state'}: it is a {type(value).__name__}; a state may hold "
        "None, bool, int, float, str, Tensor, and lists, tuples and dicts of them, with keys that "
        "are str, int, float, bool or None."
    )


def unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Undo `pack`."""
    if isinstance(value, list):
        return [unpack(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "tuple" in value:
        return tuple(unpack(v, tensors) for v in value["tuple"])
    return {k: unpack(v, tensors) for k, v in value["dict"]}
