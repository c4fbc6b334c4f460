"""The models that a description can name: their fields, checks and builders.

Numbers are bounded together here, and names looked up in the library's own tables, or timm's.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from torch import nn

from learnkit.errors import ExportError, ModelError
from learnkit.models.backbone import Backbone
from learnkit.models.catalogue import find_backbone
from learnkit.models.scratch import cnn, mlp
from learnkit.models.spec_fields import (
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

Values: TypeAlias = dict[str, Any]

MAX_PARAMETERS = 1_000_000_000

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


@contextmanager
def _explained(backbone: Backbone) -> Iterator[None]:
    try:
        yield
    except _UNBUILDABLE as error:
        raise ExportError(
            f"The backbone {backbone.name} of the model description cannot be built here: {error}"
        ) from error


def _check_cnn(values: Values) -> None:
    backbone = _find(values)
    with _explained(backbone):
        backbone.source.inputs()  # of the library's own, which is imported for it


def _build_cnn(values: Values) -> nn.Module:
    backbone = _find(values)
    head = cast(Literal["fastai", "plain"], values["head"])
    with _explained(backbone):
        return build_cnn(
            backbone, values["n_classes"], weights=None, head=head, dropout=values["dropout"]
        )


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


class Kind(NamedTuple):
    """A model that a description can name: its fields, what they must be together, its builder."""

    fields: dict[str, Check]
    check: Callable[[Values], object]
    build: Callable[[Values], nn.Module]


KINDS: dict[str, Kind] = {
    "cnn": Kind(
        {
            "backbone": be_name,
            "n_classes": be_width,
            "head": be_one_of("fastai", "plain"),
            "dropout": be_fraction,
        },
        _check_cnn,
        _build_cnn,
    ),
    "convnet": Kind(
        {"n_classes": be_width, "channels": be_widths, "in_channels": be_width},
        _check_convnet,
        _build_convnet,
    ),
    "mlp": Kind({"sizes": be_widths}, _check_mlp, _build_mlp),
    "xresnet": Kind(
        {"depth": be_one_of(*STAGES), "n_classes": be_width, "in_channels": be_width},
        lambda values: None,
        _build_xresnet,
    ),
}
