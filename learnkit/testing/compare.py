"""Whether two nested values are equal to the last bit, and where they are not."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

_LONGEST = 60  # characters of a value in a message


def flat(value: Any) -> Any:
    """Return nested plain values and tensors with all numbers as text, so that == compares bits.

    NaN equals NaN, and 0.0 differs from -0.0.
    """
    if isinstance(value, Tensor):
        numbers = value.detach().cpu().flatten().tolist()
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)} {numbers!r}"
    if isinstance(value, Mapping):
        return {key: flat(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [flat(inner) for inner in value]
    return repr(value) if isinstance(value, float) else value


def difference(expected: Any, found: Any, at: str = "") -> str | None:
    """Return where two values that `flat` gave differ first, in words; None where they are equal.

    Args:
        expected: the one.
        found: the other.
        at: the place of both, such as ``weights.0.bias``.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in (*expected, *(k for k in found if k not in expected)):
            where = f"{at}.{key}" if at else str(key)
            if key not in expected or key not in found:
                return f"{where} is in one of the two only"
            if (inner := difference(expected[key], found[key], where)) is not None:
                return inner
        return None
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        inner_ones = (difference(a, b, f"{at}.{i}") for i, (a, b) in pairs)
        return next((inner for inner in inner_ones if inner is not None), None)
    return (
        None if expected == found else f"{at} is {_short(found)} and should be {_short(expected)}"
    )


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
