"""Rebuild a model from the plain values in an export.

Nothing in a description is code: names are looked up in the library's own tables (or timm's),
numbers are bounded, so that a file from a stranger can neither run anything nor ask for
unbounded memory.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from torch import nn

from learnkit.errors import ExportError, ModelError
from learnkit.models.catalogue import find_backbone
from learnkit.models.scratch import cnn, mlp
from learnkit.models.transfer import build_cnn
from learnkit.models.xresnet import STAGES, xresnet
from learnkit.names import did_you_mean

MAX_WIDTH = 100_000
MAX_LAYERS = 64
MAX_PARAMETERS = 1_000_000_000

Check = Callable[[str, object], None]


def build_from_spec(spec: object) -> nn.Module:
    """Build the model that ``spec`` describes, with random weights.

    Args:
        spec: the ``.spec`` of a model of learnkit's own, as read from JSON.

    Raises:
        ExportError: when the description is not one that learnkit writes.
    """
    if not isinstance(spec, Mapping):
        raise ExportError(
            f"A model description must be a JSON object; found {type(spec).__name__}."
        )
    kind = spec.get("model")
    if not isinstance(kind, str) or kind not in _KINDS:
        hint = did_you_mean(kind, _KINDS) if isinstance(kind, str) else ""
        raise ExportError(
            f"The model description names the model {kind!r}, which learnkit does not have.{hint} "
            f"Known: {', '.join(_KINDS)}. The file may be of a newer release."
        )
    fields, build = _KINDS[kind]
    values = {str(name): value for name, value in spec.items() if name != "model"}
    _check_fields(kind, values, fields)
    return build(values)


def _check_fields(kind: str, values: Mapping[str, object], fields: Mapping[str, Check]) -> None:
    for name in fields:
        if name not in values:
            raise ExportError(f"The description of the model {kind!r} lacks the field {name!r}.")
    for name, value in values.items():
        if name not in fields:
            raise ExportError(
                f"The description of the model {kind!r} has the unknown field {name!r}."
                f"{did_you_mean(name, fields)} Known: {', '.join(fields)}."
            )
        fields[name](f"{kind}.{name}", value)


def _refuse(where: str, expected: str, found: object) -> ExportError:
    shown = repr(found)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return ExportError(f"In the model description {where} must be {expected}; found {shown}.")


def _is_width(value: object, limit: int = MAX_WIDTH) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= limit


def _width(where: str, value: object) -> None:
    if not _is_width(value):
        raise _refuse(where, f"a whole number from 1 to {MAX_WIDTH}", value)


def _widths(where: str, value: object) -> None:
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= MAX_LAYERS
        or not all(map(_is_width, value))
    ):
        expected = f"a list of 1 to {MAX_LAYERS} whole numbers from 1 to {MAX_WIDTH}"
        raise _refuse(where, expected, value)


def _fraction(where: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise _refuse(where, "a number in [0, 1)", value)


def _text(where: str, value: object) -> None:
    if not isinstance(value, str):
        raise _refuse(where, "a name", value)


def _one_of(*options: object) -> Check:
    def check(where: str, value: object) -> None:
        if isinstance(value, bool | list | dict) or value not in options:
            raise _refuse(where, "one of " + ", ".join(map(repr, options)), value)

    return check


def _check_size(where: str, n_parameters: int) -> None:
    if n_parameters > MAX_PARAMETERS:
        raise ExportError(
            f"The model description asks for {n_parameters} parameters in {where}; at most "
            f"{MAX_PARAMETERS} are built."
        )


def _build_cnn(values: dict[str, Any]) -> nn.Module:
    try:
        backbone = find_backbone(values["backbone"])
    except ModelError as error:
        raise ExportError(str(error)) from error
    head = cast(Literal["fastai", "plain"], values["head"])
    return build_cnn(
        backbone, values["n_classes"], weights=None, head=head, dropout=values["dropout"]
    )


def _build_convnet(values: dict[str, Any]) -> nn.Module:
    channels = values["channels"]
    pairs = itertools.pairwise([values["in_channels"], *channels])
    total = sum(9 * n_in * n_out for n_in, n_out in pairs)
    _check_size("convnet.channels", total + channels[-1] * values["n_classes"])
    return cnn(values["n_classes"], channels=channels, in_channels=values["in_channels"])


def _build_mlp(values: dict[str, Any]) -> nn.Module:
    sizes = values["sizes"]
    if len(sizes) < 2:
        raise _refuse("mlp.sizes", "a list of at least 2 numbers", sizes)
    _check_size("mlp.sizes", sum(a * b for a, b in itertools.pairwise(sizes)))
    return mlp(*sizes)


def _build_xresnet(values: dict[str, Any]) -> nn.Module:
    return xresnet(values["depth"], values["n_classes"], in_channels=values["in_channels"])


_KINDS: dict[str, tuple[dict[str, Check], Callable[[dict[str, Any]], nn.Module]]] = {
    "cnn": (
        {
            "backbone": _text,
            "n_classes": _width,
            "head": _one_of("fastai", "plain"),
            "dropout": _fraction,
        },
        _build_cnn,
    ),
    "convnet": ({"n_classes": _width, "channels": _widths, "in_channels": _width}, _build_convnet),
    "mlp": ({"sizes": _widths}, _build_mlp),
    "xresnet": (
        {"depth": _one_of(*STAGES), "n_classes": _width, "in_channels": _width},
        _build_xresnet,
    ),
}
