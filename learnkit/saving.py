"""A learner on disk: what `Learner.save` writes and `Learner.load` takes back."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.checkpoint import DOCUMENT, check_fit, load_into, read_snapshot, write_snapshot
from learnkit.errors import CheckpointError
from learnkit.history import History
from learnkit.optim import match_layouts
from learnkit.packing import pack, unpack
from learnkit.precision import Precision
from learnkit.progress import Progress

KIND = "learner"


def write_learner(
    folder: Path,
    *,
    model: nn.Module,
    optimizer: Optimizer | None,
    precision: Precision,
    seen: Progress,
    history: History,
) -> Path:
    """Write everything that training goes on from; ``optimizer`` None leaves that part out.

    Raises:
        CheckpointError: when the folder cannot be written; an older one there is untouched.
    """
    state = {
        "seen": seen.state_dict(),
        "history": list(history),
        "precision": precision.state_dict(),
        "optimizer": optimizer.state_dict() if optimizer is not None else None,
    }
    tensors: dict[str, Tensor] = {}
    document = {"kind": KIND, "state": pack(state, tensors)}
    return write_snapshot(folder, {"model": model.state_dict(), "state": tensors}, document)


def read_learner(
    folder: Path,
    *,
    model: nn.Module,
    optimizer: Optimizer | None,
    precision: Precision,
    seen: Progress,
) -> History:
    """Take back what `write_learner` wrote, in place, and return the history.

    Raises:
        CheckpointError: when it is missing, damaged, of another kind, or does not fit.
    """
    if (folder / "model.json").exists() and not (folder / DOCUMENT).exists():
        raise CheckpointError(
            f"{folder} is an export, which is for predicting: load_learner({str(folder)!r}) takes "
            "it. To go on training, give a folder that learn.save() wrote."
        )
    snapshot = read_snapshot(folder)
    if snapshot.document.get("kind") != KIND:
        raise CheckpointError(
            f"{folder} was not written by Learner.save; give a folder that it wrote."
        )
    state = unpack(snapshot.document["state"], snapshot.parts["state"])
    check_fit(model, snapshot.parts["model"], source=folder)
    if optimizer is not None and state["optimizer"] is not None:
        _load_optimizer(optimizer, state["optimizer"], folder)
    load_into(model, snapshot.parts["model"], source=folder)
    seen.load_state_dict(state["seen"])
    precision.load_state_dict(state["precision"])
    return History(state["history"])


def _load_optimizer(optimizer: Optimizer, saved: dict[str, Any], folder: Path) -> None:
    try:
        _load_of_same_kind(optimizer, saved)
    except (ValueError, KeyError) as error:
        raise CheckpointError(
            f"the optimizer in {folder} does not fit this one ({error}). Make the learner with the "
            "same opt_func and layer groups, or load with optimizer=False."
        ) from error
    match_layouts(optimizer)


def _load_of_same_kind(optimizer: Optimizer, saved: dict[str, Any]) -> None:
    """Refuse the state of another kind of optimizer, which torch takes and fails on at a step."""
    before, needed = optimizer.state_dict(), set(optimizer.defaults)
    optimizer.load_state_dict(saved)
    missing = sorted(needed - optimizer.param_groups[0].keys())
    if missing:
        optimizer.load_state_dict(before)
        raise ValueError(f"{type(optimizer).__name__} needs {', '.join(missing)}")
