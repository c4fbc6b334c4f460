"""What is known of an exported model besides its weights, and its form as ``model.json``.

Reading takes nothing on trust: every field is of a known type and within bounds. Knows no files
but this one's content, and no models.
"""

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from learnkit.bounded_json import parse_json
from learnkit.data.inputs import INPUT_KINDS, Inputs, inputs_from
from learnkit.errors import ExportError
from learnkit.json_fields import Fields
from learnkit.losses import ACTIVATIONS
from learnkit.tasks import Classification, Regression, Task
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.reading import TASK_KINDS, task_from
from learnkit.version import __version__

FORMAT: Final = 2
OLDER: Final = 1  # of photos or tensors to classes or values
KIND: Final = "learnkit model"
CHANGED: Final = (
    "It was not written by learnkit, or was changed: get the export again from where it was made."
)
MAX_BYTES: Final = 16 << 20  # a table of 400,000 ids of 36 letters
MAX_VALUES: Final = 1_200_000  # a short text in a list takes 15 times its bytes
MAX_CLASSES: Final = 100_000
MAX_LETTERS: Final = 1_000  # of a name
MAX_PARTS: Final = 10_000  # lists and objects: a dozen for photos, some for each column of a table
_LONG: Final = 10_000  # letters of a field; shorter ones are for people to read
_LARGE: Final = 1 << 20  # bytes of a card whose largest part is worth naming
_MAX_ENTRIES: Final = 1_000  # of metrics and versions


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """All that must be known about a model besides its weights.

    Attributes:
        spec: learnkit's own description of the architecture; None for a model of the user's.
        classes: names in the order of the outputs; empty for a model without classes.
        inputs: how raw items are prepared; None when inputs are tensors.
        activation: softmax, sigmoid, exp or identity.
        task: how answers are read; None, and a task of the user's own, which has no ``kind``, are
            read by classes and activation alone.
        metrics: the last epoch's numbers.
        versions: of learnkit, torch and Python when it was written.
        sha256: of the weights file.
        fingerprint: SHA-256 of what the model came from, as 64 hexadecimal digits; empty when it
            is not known.
    """

    spec: dict[str, Any] | None
    classes: tuple[str, ...]
    inputs: Inputs | None
    activation: str
    task: Task | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    fingerprint: str = ""

    @property
    def reader(self) -> Task:
        """What reads the model's answers."""
        if self.task is not None and self.task.kind:
            return self.task
        return _plain_task(self.classes, self.activation)


def _plain_task(classes: tuple[str, ...], activation: str) -> Task:
    loss = NoLoss(activation)
    return Classification(loss, classes) if classes else Regression(loss)


def card_json(card: ModelCard, *, sha256: str) -> bytes:
    """Return a card as JSON, with the SHA-256 of its weights and the versions of now.

    Raises:
        ExportError: when `parse_card` would refuse it.
    """
    older = _is_older(card)
    document = {
        "format": OLDER if older else FORMAT,
        "kind": KIND,
        "model": card.spec,
        "classes": list(card.classes),
        "inputs": None if card.inputs is None else _inputs_json(card.inputs, older),
        "activation": card.activation,
        # JSON has no NaN, and other programs read this file
        "metrics": {k: v for k, v in card.metrics.items() if math.isfinite(v)},
        "versions": _versions(),
        "sha256": sha256,
    }
    if not older:
        document["task"] = {"kind": card.reader.kind, **card.reader.options()}
    if card.fingerprint:
        document["fingerprint"] = card.fingerprint
    rows = [f" {json.dumps(name)}: ".encode() + _written(value) for name, value in document.items()]
    data = b"{\n" + b",\n".join(rows) + b"\n}"
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has {len(data):,} bytes, more than {MAX_BYTES:,}")
        _card_of(Fields(_parsed(data)))
    except ValueError as error:
        largest = f" The largest part is {_largest(document)}." if len(data) > _LARGE else ""
        raise ExportError(
            f"This model's card could not be read again, so nothing was written: {error}.{largest} "
            "Change that, or keep the model by learn.save()."
        ) from error
    return data


def parse_card(data: bytes, path: Path) -> ModelCard:
    """Check the content of ``model.json`` against what a card may hold.

    Fields that are not known are left alone, so that a later release may add some.

    Args:
        data: at most ``MAX_BYTES`` of it.
        path: for messages.

    Raises:
        ExportError: naming the field, what was expected and what was found.
    """
    try:
        read = Fields(_parsed(data))
        number = read.value("format", int)
        if number not in (OLDER, FORMAT):
            raise ExportError(
                f"{path} has format {number}; this learnkit reads formats {OLDER} and {FORMAT}. "
                "Load it with the version of learnkit that wrote it."
            )
        return _card_of(read)
    except ValueError as error:
        raise ExportError(f"{path}: {error}. {CHANGED}") from error


def _parsed(data: bytes) -> Any:
    if data.count(b",") > MAX_VALUES:  # that between two values, or in a text
        raise ValueError(f"it has more than {MAX_VALUES:,} values, or commas in its texts")
    return parse_json(data, max_parts=MAX_PARTS)


def _written(value: Any) -> bytes:
    """Return a field as it stands in the file: in UTF-8, long ones without spaces."""
    for ascii_only in (False, True):
        text = json.dumps(value, indent=1, ensure_ascii=ascii_only).replace("\n", "\n ")
        if len(text) > _LONG:
            text = json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)
        try:
            return text.encode()
        except UnicodeEncodeError:  # half a letter, of a file name that is no UTF-8
            continue
    raise AssertionError("ASCII can always be encoded")


def _largest(value: Any, path: str = "") -> str:
    """Say which field takes most of a document, down to one that has no fields of its own."""
    sizes = {name: len(_written(part)) for name, part in value.items()}
    name = max(sizes, key=lambda name: sizes[name])
    if isinstance(value[name], dict) and value[name]:
        return _largest(value[name], f"{path}{name}.")
    return f"{path + name!r} with {sizes[name]:,} bytes"


def _card_of(read: Fields) -> ModelCard:
    if read.value("kind", str) != KIND:
        read.refuse("kind", repr(KIND))
    activation = read.value("activation", str)
    if activation not in ACTIVATIONS:
        read.refuse("activation", f"one of {', '.join(sorted(ACTIVATIONS))}")
    classes = read.strings("classes", at_most=MAX_CLASSES, length=MAX_LETTERS)
    return ModelCard(
        spec=read.optional("model", dict),
        classes=classes,
        inputs=_parse_inputs(read),
        activation=activation,
        task=_parse_task(read, classes, activation),
        metrics=read.table("metrics", float, at_most=_MAX_ENTRIES, length=MAX_LETTERS),
        versions=read.table("versions", str, at_most=_MAX_ENTRIES, length=MAX_LETTERS),
        sha256=read.sha256("sha256"),
        fingerprint=read.sha256("fingerprint") if read.has("fingerprint") else "",
    )


def _inputs_json(inputs: Inputs, older: bool) -> dict[str, Any]:
    fields = inputs.to_json()
    return fields if older else {"kind": inputs.kind, **fields}


def _parse_inputs(read: Fields) -> Inputs | None:
    if not read.has("inputs"):
        return None
    inner = read.inner("inputs")
    kind = inner.one_of("kind", INPUT_KINDS) if inner.has("kind") else "photo"
    return inputs_from(kind, inner)


def _parse_task(read: Fields, classes: tuple[str, ...], activation: str) -> Task | None:
    if not read.has("task"):  # of format 1
        return None
    inner = read.inner("task")
    return task_from(inner.one_of("kind", TASK_KINDS), classes, activation, inner)


def _is_older(card: ModelCard) -> bool:
    """Whether a learnkit that knows photos, tensors, classes and values alone can read the card."""
    task = card.reader
    known = task.kind in ("classification", "regression") and not any(task.options().values())
    return known and (card.inputs is None or card.inputs.kind == "photo")


def _versions() -> dict[str, str]:
    return {
        "learnkit": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
