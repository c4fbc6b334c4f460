"""How a raw item becomes the model's input, and what an export keeps of that.

Photos, tables, texts and sequences each have such a value; arrays and tensors need none.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, Protocol, cast, runtime_checkable

from torch import Tensor

from learnkit.json_fields import Fields
from learnkit.types import BatchLoader


class Inputs(Protocol):
    """Prepares raw items in the way that was learned from the training data."""

    @property
    def kind(self) -> str:
        """The word for it in an export: ``"photo"``, ``"table"``, ``"text"``, ``"sequence"``."""

    def loader(self, items: Sequence[Any], *, batch_size: int) -> BatchLoader:
        """Return the batches of ``items``, in their order or with their places as indices.

        x as in validation; y int64 (B,), all 0.

        Raises:
            DataError: naming the item that cannot be used, and why.
        """

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values, for the export."""

    def words(self, x: Tensor) -> str:
        """Say one sample, as a loader gives it, in words."""


@runtime_checkable
class ChecksModel(Protocol):
    """Inputs that not every model takes."""

    def unfit(self, spec: Mapping[str, Any]) -> str:
        """Say why a model of a description cannot take them; empty when it can."""


# the module below `learnkit.data` that has `read(fields) -> Inputs`
_PLACES: Final = {
    "noise": "noise_inputs",
    "photo": "image_inputs",
    "sequence": "sequence.inputs",
    "table": "tabular.inputs",
    "text": "text.inputs",
}
INPUT_KINDS: Final = tuple(_PLACES)


def inputs_from(kind: str, fields: Fields) -> Inputs:
    """Make the inputs of an export; their module is imported when it is met.

    Args:
        kind: one of ``INPUT_KINDS``.
        fields: what ``to_json`` returned.

    Raises:
        ValueError: naming the field that is wrong.
    """
    module = import_module(f"learnkit.data.{_PLACES[kind]}")
    return cast("Inputs", module.read(fields))
