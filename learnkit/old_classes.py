"""Read an export to start a model of other classes from it. Nothing in the folder is run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from torch import nn

from learnkit.card import MAX_BYTES, ModelCard, parse_card
from learnkit.data.image_inputs import ImageInputs
from learnkit.errors import CheckpointError, ExportError
from learnkit.models.saved import read_saved
from learnkit.models.warm_start import WarmStart, warm_start
from learnkit.regular_file import read_regular

_CARD: Final = "model.json"
_WIDTHS: Final = ("n_classes", "sizes")  # of a description, the fields that classes change


def start_from_export(model: nn.Module, folder: Path, own: ModelCard) -> WarmStart:
    """Give ``model`` the weights of an export; see `models.warm_start`.

    Args:
        model: of the learner.
        folder: the export.
        own: what the learner would write beside its weights.

    Raises:
        ExportError: when the export is missing or damaged.
        CheckpointError: when it is of another architecture.
    """
    path = folder / _CARD
    try:
        card = parse_card(read_regular(path, max_bytes=MAX_BYTES), path)
    except OSError as error:
        raise ExportError(
            f"cannot read {path}: {error.strerror}. Give the folder that learn.export() wrote."
        ) from error
    _check_kind(card.spec, own.spec, folder)
    try:
        tensors = read_saved(folder)
    except CheckpointError as error:
        raise ExportError(str(error)) from error
    report = warm_start(model, tensors, old=card.classes, new=own.classes, source=str(folder))
    return replace(report, notes=(*report.notes, *_notes(card, own)))


def _check_kind(
    found: Mapping[str, Any] | None, own: Mapping[str, Any] | None, folder: Path
) -> None:
    """Compare two descriptions, where both models have one, before a hundred tensors differ."""
    if found is None or own is None:
        return
    names = sorted((found.keys() | own.keys()) - {*_WIDTHS, "dropout"})
    different = [n for n in names if found.get(n) != own.get(n)]
    if different:
        theirs, ours = (", ".join(f"{n} {s.get(n)}" for n in different) for s in (found, own))
        raise CheckpointError(
            f"{folder} is of another architecture: it has {theirs}; this learner has {ours}. Make "
            "the learner with the backbone and the head that the old model had."
        )


def _notes(card: ModelCard, own: ModelCard) -> Iterator[str]:
    theirs, ours = card.inputs, own.inputs
    if not isinstance(theirs, ImageInputs) or not isinstance(ours, ImageInputs):
        return
    if (theirs.mean, theirs.std) != (ours.mean, ours.std):
        yield "Photos were normalised by another mean and std for the old model."
    if theirs.size != ours.size:
        old, new = ("{} x {}".format(*inputs.size) for inputs in (theirs, ours))
        yield f"The old model was trained on {old} pixels; this data has {new}."
