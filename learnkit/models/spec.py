"""Rebuild a model from the plain values in an export.

Nothing in a description is code: names are looked up in the library's own tables (or timm's),
numbers are bounded, so that a file from a stranger can neither run anything nor ask for
unbounded memory.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, cast

from torch import nn

from learnkit.bounded_json import shorten
from learnkit.errors import ExportError, ModelError
from learnkit.models.backbone import Backbone
from learnkit.models.catalogue import find_backbone
from learnkit.models.scratch import cnn, mlp
from learnkit.models.spec_fields import (
    MAX_NAME,
    Check,
    be_fraction,
    be_name,
    be_one_of,
    be_width,
    be_widths,
    refusal,
)
from learnkit.models.transfer import build_cnn
from learnkit.models.xresnet import STAGES, xresnet
from learnkit.names import did_you_mean

MAX_PARAMETERS = 1_000_000_000

Values = dict[str, Any]

# What timm's constructors and torch's shape inference raise for a model that cannot be built here.
_UNBUILDABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    ModelError,
    RuntimeError,
    TypeError,
    ValueError,
)


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


def n_outputs(spec: Mapping[str, Any]) -> int:
    """Return the width of the logits of a description that `check_spec` takes."""
    return int(spec["sizes"][-1] if "sizes" in spec else spec["n_classes"])


def takes_photos(spec: Mapping[str, Any], height: int, width: int) -> bool:
    """Whether the model of a description takes float (B, 3, height, width)."""
    if "sizes" in spec:
        return bool(spec["sizes"][0] == 3 * height * width)
    return bool(spec.get("in_channels", 3) == 3)


def _checked(spec: object) -> "tuple[_Kind, Values]":
    if not isinstance(spec, Mapping):
        raise ExportError(
            f"A model description must be a JSON object; found {type(spec).__name__}."
        )
    name = spec.get("model")
    if not isinstance(name, str) or name not in _KINDS:
        raise ExportError(
            f"The model description names the model {shorten(name)}, which learnkit does not "
            f"have.{_hint(name, _KINDS)} Known: {', '.join(_KINDS)}. The file may be of a newer "
            "release."
        )
    kind = _KINDS[name]
    values = {str(field): value for field, value in spec.items() if field != "model"}
    _check_fields(name, values, kind.fields)
    kind.check(values)
    return kind, values


def _hint(word: object, options: Mapping[str, object]) -> str:
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


def _check_size(where: str, n_parameters: int) -> None:
    if n_parameters > MAX_PARAMETERS:
        raise ExportError(
            f"The model description asks for {n_parameters} parameters in {where}; at most "
            f"{MAX_PARAMETERS} are built."
        )


def _find(values: Values) -> Backbone:
    try:
        return find_backbone(values["backbone"])
    except ModelError as error:
        raise ExportError(str(error)) from error


def _build_cnn(values: Values) -> nn.Module:
    backbone = _find(values)
    head = cast(Literal["fastai", "plain"], values["head"])
    try:
        return build_cnn(
            backbone, values["n_classes"], weights=None, head=head, dropout=values["dropout"]
        )
    except _UNBUILDABLE as error:
        raise ExportError(
            f"The backbone {backbone.name} of the model description cannot be built here: {error}"
        ) from error


def _check_convnet(values: Values) -> None:
    channels = values["channels"]
    pairs = itertools.pairwise([values["in_channels"], *channels])
    total = sum(9 * n_in * n_out for n_in, n_out in pairs)
    _check_size("convnet.channels", total + channels[-1] * values["n_classes"])


def _build_convnet(values: Values) -> nn.Module:
    return cnn(values["n_classes"], channels=values["channels"], in_channels=values["in_channels"])


def _check_mlp(values: Values) -> None:
    sizes = values["sizes"]
    if len(sizes) < 2:
        raise refusal("mlp.sizes", "a list of at least 2 numbers", sizes)
    _check_size("mlp.sizes", sum(a * b for a, b in itertools.pairwise(sizes)))


def _build_mlp(values: Values) -> nn.Module:
    return mlp(*values["sizes"])


def _build_xresnet(values: Values) -> nn.Module:
    return xresnet(values["depth"], values["n_classes"], in_channels=values["in_channels"])


class _Kind(NamedTuple):
    """A model that a description can name: its fields, what they must be together, its builder."""

    fields: dict[str, Check]
    check: Callable[[Values], object]
    build: Callable[[Values], nn.Module]


_KINDS: dict[str, _Kind] = {
    "cnn": _Kind(
        {
            "backbone": be_name,
            "n_classes": be_width,
            "head": be_one_of("fastai", "plain"),
            "dropout": be_fraction,
        },
        _find,
        _build_cnn,
    ),
    "convnet": _Kind(
        {"n_classes": be_width, "channels": be_widths, "in_channels": be_width},
        _check_convnet,
        _build_convnet,
    ),
    "mlp": _Kind({"sizes": be_widths}, _check_mlp, _build_mlp),
    "xresnet": _Kind(
        {"depth": be_one_of(*STAGES), "n_classes": be_width, "in_channels": be_width},
        lambda values: None,
        _build_xresnet,
    ),
}
