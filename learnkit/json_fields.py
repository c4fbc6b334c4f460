"""Take typed, bounded fields out of a parsed JSON object, or say which one is wrong."""

import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn, TypeGuard

from learnkit.bounded_json import shorten

_WORDS: Final = {int: "whole number", str: "string", list: "list", dict: "object"}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Fields:
    """The fields of one JSON object.

    Every method raises ValueError, saying in a sentence without its full stop which field is wrong,
    what was expected and what was found.

    Args:
        raw: the parsed value.
        prefix: the names of the objects around it, for messages: ``"inputs."``.
    """

    def __init__(self, raw: object, prefix: str = "") -> None:
        if not isinstance(raw, dict):
            raise ValueError(f"it must hold a JSON object; found {type(raw).__name__}")
        self._raw, self._prefix = raw, prefix

    def refuse(self, name: str, expected: str) -> NoReturn:
        """Say what the field should have been."""
        found = shorten(self._raw[name]) if name in self._raw else "nothing"
        raise ValueError(f"field {self._prefix + name!r} must be {expected}; found {found}")

    def has(self, name: str) -> bool:
        """Whether the field is there, and not null."""
        return self._raw.get(name) is not None

    def value(self, name: str, kind: type) -> Any:
        """Return a field that must be of one JSON type."""
        found = self._raw.get(name)
        if not isinstance(found, kind) or isinstance(found, bool):
            self.refuse(name, f"a JSON {_WORDS[kind]}")
        return found

    def optional(self, name: str, kind: type) -> Any:
        """Return a field of one JSON type, or None when it is null or not there."""
        return self.value(name, kind) if self.has(name) else None

    def strings(self, name: str, *, at_most: int, length: int) -> tuple[str, ...]:
        """Return a list of strings of at most ``length`` characters."""
        found = self.value(name, list)
        if len(found) > at_most or not all(_is_text(item, length) for item in found):
            self.refuse(
                name, f"a list of at most {at_most:,} strings of at most {length:,} letters"
            )
        return tuple(found)

    def numbers(self, name: str, *, low: float, high: float) -> tuple[float, ...]:
        """Return a list of numbers in [low, high]."""
        found = self.value(name, list)
        if not all(is_number(item) and low <= item <= high for item in found):
            self.refuse(name, f"a list of numbers between {low:g} and {high:g}")
        return tuple(float(item) for item in found)

    def number(self, name: str, *, low: float, high: float) -> float:
        """Return a number in [low, high]."""
        found = self._raw.get(name)
        if not is_number(found) or not low <= found <= high:
            self.refuse(name, f"a number between {low:g} and {high:g}")
        return float(found)

    def whole(self, name: str, *, low: int, high: int) -> int:
        """Return a whole number in [low, high]."""
        found = self.value(name, int)
        if not low <= found <= high:
            self.refuse(name, f"a whole number between {low:,} and {high:,}")
        return int(found)

    def one_of(self, name: str, options: Sequence[str]) -> str:
        """Return a string that is one of ``options``."""
        found = self.value(name, str)
        if found not in options:
            self.refuse(name, f"one of {', '.join(options)}")
        return str(found)

    def fact(self, name: str) -> bool:
        """Return true or false."""
        found = self._raw.get(name)
        if not isinstance(found, bool):
            self.refuse(name, "true or false")
        return found

    def inner(self, name: str) -> "Fields":
        """Return the fields of an object."""
        return Fields(self.value(name, dict), f"{self._prefix}{name}.")

    def wholes(self, name: str, *, at_most: int) -> tuple[int, ...]:
        """Return a list of whole numbers of at least 0."""
        found = self.value(name, list)
        if len(found) > at_most or not all(_is_whole(item) for item in found):
            self.refuse(name, f"a list of at most {at_most} whole numbers of at least 0")
        return tuple(found)

    def table(self, name: str, kind: type, *, at_most: int, length: int) -> dict[str, Any]:
        """Return an object whose values are all numbers (``float``) or strings (``str``)."""
        found = self.value(name, dict)
        right = is_number if kind is float else lambda item: _is_text(item, length)
        if len(found) > at_most or not all(
            len(key) <= length and right(item) for key, item in found.items()
        ):
            word = "numbers" if kind is float else f"strings of at most {length:,} letters"
            self.refuse(name, f"an object of at most {at_most:,} {word}")
        return dict(found)

    def sha256(self, name: str) -> str:
        """Return a SHA-256 as 64 hexadecimal digits."""
        found = self.value(name, str)
        if not _SHA256.fullmatch(found):
            self.refuse(name, "64 hexadecimal digits")
        return str(found)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a JSON value is a number that a float can hold."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 1 << 63
    return isinstance(value, float)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _is_text(value: object, length: int) -> bool:
    return isinstance(value, str) and len(value) <= length
