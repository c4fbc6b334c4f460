"""Checks of the fields of a model's description: each takes a field's name and its value.

All raise ExportError with what the field must be and what it is. Knows no models.
"""

from collections.abc import Callable
from typing import TypeAlias

from learnkit.bounded_json import shorten
from learnkit.errors import ExportError
from learnkit.json_fields import is_number

Check: TypeAlias = Callable[[str, object], None]

MAX_WIDTH = 100_000
MAX_LAYERS = 64
MAX_NAME = 200  # letters; timm's longest has about 60


def refusal(where: str, expected: str, found: object) -> ExportError:
    """Return the error for a field, with what it must be and what it is."""
    return ExportError(
        f"In the model description {where} must be {expected}; found {shorten(found)}."
    )


def _is_width(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_WIDTH


def be_width(where: str, value: object) -> None:
    """Check one width of a layer."""
    if not _is_width(value):
        raise refusal(where, f"a whole number from 1 to {MAX_WIDTH}", value)


def be_widths(where: str, value: object) -> None:
    """Check a list of widths of layers."""
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= MAX_LAYERS
        or not all(map(_is_width, value))
    ):
        expected = f"a list of 1 to {MAX_LAYERS} whole numbers from 1 to {MAX_WIDTH}"
        raise refusal(where, expected, value)


def be_fraction(where: str, value: object) -> None:
    """Check a number in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise refusal(where, "a number in [0, 1)", value)


def be_range(where: str, value: object) -> None:
    """Check null or two numbers, the lower first."""
    if value is None:
        return
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(map(is_number, value))
        or not -1e30 < value[0] < value[1] < 1e30
    ):
        raise refusal(where, "null, or two numbers, the lower first", value)


def be_name(where: str, value: object) -> None:
    """Check a name."""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise refusal(where, "a name", value)


def be_one_of(*options: object) -> Check:
    """Return a check for one of a few words or numbers."""

    def check(where: str, value: object) -> None:
        if isinstance(value, bool | list | dict) or value not in options:
            raise refusal(where, "one of " + ", ".join(map(repr, options)), value)

    return check
