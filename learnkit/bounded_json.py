"""Parse JSON that nobody vouches for, within bounds that are checked before it is built.

Python's own parser takes 40 bytes of memory for a byte of ``[[[0]]],``, follows nesting until its
stack ends, knows NaN, and keeps the last of two fields of one name. Knows nothing of what the
values mean.
"""

import codecs
import json
import math
import re
from typing import Any, Final

MAX_DEPTH: Final = 16
_MAX_DIGITS: Final = 100  # a float64 needs 17, an int64 19

# A string to its end, or to the end of the text; or a bracket. Nothing is looked at twice.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_OPENING: Final = (b"[", b"{")
_CLOSING: Final = (b"]", b"}")


def parse_json(data: bytes, *, max_parts: int) -> Any:
    """Return the value of a JSON text in UTF-8.

    Numbers are finite and have at most 100 digits, no field is there twice, and all text can be
    encoded: lone surrogates are only those by which Python writes the bytes of file names that are
    not UTF-8.

    Args:
        data: the text. The caller bounds its size; its value takes up to 16 times as much memory
            besides 200 bytes a part.
        max_parts: how many lists and objects there may be.

    Raises:
        ValueError: saying in a sentence, without its full stop, what is wrong with it.
    """
    if data.startswith(codecs.BOM_UTF8):
        raise ValueError("it begins with a byte order mark")
    _check_parts(data, max_parts)
    try:
        text = data.decode()
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_number,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not in UTF-8 from byte {error.start} on") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error})") from None
    except RecursionError:  # the caller's own stack was nearly full
        raise ValueError("it is nested too deep") from None
    _check_text(value)
    return value


def _check_parts(data: bytes, max_parts: int) -> None:
    """Count lists and objects, and how deep they are, before any is built."""
    depth = parts = 0
    for found in _TOKEN.finditer(data):
        token = found[0]
        if token in _OPENING:
            depth, parts = depth + 1, parts + 1
            if depth > MAX_DEPTH:
                raise ValueError(f"it is nested deeper than {MAX_DEPTH} lists and objects")
            if parts > max_parts:
                raise ValueError(f"it has more than {max_parts:,} lists and objects")
        elif token in _CLOSING:
            depth -= 1
            if depth < 0:
                return  # no JSON, as the parser will say


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields:
        if name in found:
            raise ValueError(f"it has the field {shorten(name)} twice")
        found[name] = value
    return found


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"it has a number of {len(digits):,} digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits) if len(digits) <= _MAX_DIGITS else math.inf
    if not math.isfinite(value):
        raise ValueError(f"it has the number {digits[:20]}, which is too long or too large")
    return value


def _no_constant(word: str) -> None:
    raise ValueError(f"it has {word}, which is no JSON")


def _check_text(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise ValueError(f"its text {shorten(value)} has half a character") from None
    elif isinstance(value, list | dict):
        for item in value:
            _check_text(item)
        if isinstance(value, dict):
            _check_text(list(value.values()))


def shorten(value: object) -> str:
    """Return a value as it may stand in a message: on one line, with at most 60 characters."""
    shown = repr(value[:60] if isinstance(value, str | list) else value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
