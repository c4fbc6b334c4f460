"""Rebuild a model from the plain values in an export.

Nothing in a description is code: names are looked up in the library's own tables (or timm's),
numbers are bounded, so that a file from a stranger can neither run anything nor ask for
unbounded memory.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from learnkit.bounded_json import shorten
from learnkit.errors import ExportError
from learnkit.models.spec_fields import MAX_NAME, Check
from learnkit.models.spec_kinds import KIND_NAMES, Kind, Values, find_kind
from learnkit.names import did_you_mean


def check_spec(spec: object) -> None:
    """Check that ``build_from_spec`` would take a description. Nothing is built.

    Raises:
        ExportError: when the description is not one that learnkit writes.
    """
    _checked(spec)


def build_from_spec(spec: object) -> nn.Module:
    """Build the model that ``spec`` describes, with random weights.

    Args:
        spec: the ``.spec`` of a model of learnkit's own, as read from JSON.

    Raises:
        ExportError: when the description is not one that learnkit writes.
    """
    kind, values = _checked(spec)
    return kind.build(values)


def outline_from_spec(spec: object) -> nn.Module:
    """Build the model that ``spec`` describes on torch's meta device: without its numbers.

    Raises:
        ExportError: as `build_from_spec`.
    """
    kind, values = _checked(spec)
    with torch.device("meta"):  # libraries are imported before: they too make tensors
        return kind.build(values)


def n_outputs(spec: Mapping[str, Any]) -> int | None:
    """Return the width of the logits of a description that `check_spec` takes.

    None for a model whose width is not the number of classes.
    """
    kind, values = _checked(spec)
    return kind.n_outputs(values)


def takes_photos(spec: Mapping[str, Any], height: int, width: int) -> bool:
    """Whether the model of a description takes float (B, 3, height, width)."""
    kind, values = _checked(spec)
    return kind.takes_photos(values, height, width)


def _checked(spec: object) -> tuple[Kind, Values]:
    if not isinstance(spec, Mapping):
        raise ExportError(
            f"A model description must be a JSON object; found {type(spec).__name__}."
        )
    name = spec.get("model")
    if not isinstance(name, str) or name not in KIND_NAMES:
        raise ExportError(
            f"The model description names the model {shorten(name)}, which learnkit does not "
            f"have.{_hint(name, KIND_NAMES)} Known: {', '.join(KIND_NAMES)}. "
            "The file may be of a newer release."
        )
    kind = find_kind(name)
    given = {str(field): value for field, value in spec.items() if field != "model"}
    values = {**kind.defaults, **given}
    _check_fields(name, values, kind.fields)
    kind.check(values)
    return kind, values


def _hint(word: object, options: Iterable[str]) -> str:
    """Guess what was meant, unless a stranger's word is so long that comparing takes its time."""
    return did_you_mean(word, options) if isinstance(word, str) and len(word) <= MAX_NAME else ""


def _check_fields(kind: str, values: Mapping[str, object], fields: Mapping[str, Check]) -> None:
    for name in fields:
        if name not in values:
            raise ExportError(f"The description of the model {kind!r} lacks the field {name!r}.")
    for name, value in values.items():
        if name not in fields:
            raise ExportError(
                f"The description of the model {kind!r} has the unknown field {shorten(name)}."
                f"{_hint(name, fields)} Known: {', '.join(fields)}."
            )
        fields[name](f"{kind}.{name}", value)
