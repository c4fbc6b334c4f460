"""What an export may say of one model, as a value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from torch import nn

from learnkit.errors import ExportError
from learnkit.models.spec_fields import Check

Values: TypeAlias = dict[str, Any]

MAX_PARAMETERS: Final = 1_000_000_000


def _no_outputs(values: Values) -> int | None:
    return None


def _no_photos(values: Values, height: int, width: int) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A model that a description can name.

    Attributes:
        fields: the check of each field.
        check: raises ExportError for what the fields must not be together, such as too large.
        build: makes the model, with any weights.
        defaults: fields that descriptions of older releases do not have.
        n_outputs: the width to compare with the number of classes; None compares nothing.
        takes_photos: whether the model takes float (B, 3, height, width).
    """

    fields: Mapping[str, Check]
    build: Callable[[Values], nn.Module]
    check: Callable[[Values], object] = lambda values: None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    n_outputs: Callable[[Values], int | None] = _no_outputs
    takes_photos: Callable[[Values, int, int], bool] = _no_photos


def check_size(where: str, n_parameters: int) -> None:
    """Refuse more parameters than are ever built.

    Raises:
        ExportError: naming the field, and how many it asks for.
    """
    if n_parameters > MAX_PARAMETERS:
        raise ExportError(
            f"The model description asks for {n_parameters} parameters in {where}; at most "
            f"{MAX_PARAMETERS} are built."
        )
