"""A backbone and a head."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, cast

from torch import nn

from learnkit.errors import ExportError, ModelError
from learnkit.models.backbone import Backbone
from learnkit.models.catalogue import find_backbone
from learnkit.models.kinds.kind import Kind, Values
from learnkit.models.spec_fields import be_fraction, be_name, be_one_of, be_range, be_width
from learnkit.models.transfer import build_cnn

# What timm's constructors and torch's shape inference raise for a model that cannot be built here.
UNBUILDABLE: Final = (
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


def find(name: str) -> Backbone:
    """Return the backbone of a name.

    Raises:
        ExportError: when there is none.
    """
    try:
        return find_backbone(name)
    except ModelError as error:
        raise ExportError(str(error)) from error


@contextmanager
def explained(backbone: Backbone) -> Iterator[None]:
    """Turn whatever a library raises for a model that it cannot build into an ExportError."""
    try:
        yield
    except UNBUILDABLE as error:
        raise ExportError(
            f"The backbone {backbone.name} of the model description cannot be built here: {error}"
        ) from error


def _check(values: Values) -> None:
    backbone = find(values["backbone"])
    with explained(backbone):
        backbone.source.inputs()  # of the library's own, which is imported for it


def _build(values: Values) -> nn.Module:
    backbone = find(values["backbone"])
    head = cast(Literal["fastai", "plain"], values["head"])
    with explained(backbone):
        return build_cnn(
            backbone,
            values["n_classes"],
            weights=None,
            head=head,
            dropout=values["dropout"],
            y_range=values["y_range"],
        )


KIND: Final = Kind(
    fields={
        "backbone": be_name,
        "n_classes": be_width,
        "head": be_one_of("fastai", "plain"),
        "dropout": be_fraction,
        "y_range": be_range,
    },
    defaults={"y_range": None},
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["n_classes"]),
    takes_photos=lambda values, height, width: True,
)
