"""All that a fit is between two batches, as plain values and tensors; and back.

With randomness a pure function of (seed, step), nothing of any generator is in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from learnkit.callback import Callback
from learnkit.checkpoint import Snapshot, load_into
from learnkit.errors import CheckpointError
from learnkit.gradients import GradientGroup
from learnkit.history import History
from learnkit.micro_batch import MicroBatches
from learnkit.optim import match_layouts
from learnkit.packing import pack, unpack
from learnkit.precision import Precision
from learnkit.progress import Progress
from learnkit.state import State

KIND: Final = "fit"

# Inside the TRAIN phase; before the VALID phase; between epochs; after the fit.
Stage: TypeAlias = Literal["train", "valid", "epoch", "finished"]


@dataclass(frozen=True, kw_only=True)
class Running:
    """The live objects of one fit that a moment is taken of.

    Attributes:
        state: with model, optimizer, progress, the running loss and the epoch's numbers.
        precision: with its loss scale.
        callbacks: all of them, in their order.
        history: the rows so far.
        group: gradients of batches that no step has used yet.
        micro: how many samples are computed at once.
    """

    state: State
    precision: Precision
    callbacks: Sequence[Callback]
    history: History
    group: GradientGroup
    micro: MicroBatches


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A fit as it was between two batches.

    Attributes:
        stage: where in the fit.
        progress: the counts.
        began: the counts at the beginning of the open epoch.
        rows: of the history.
        seconds: that the open epoch had taken.
        stop_reason: why the fit was asked to stop, or None.
        saved: everything else, by name.
        model: tensors by name.
        head: what was added on saving: identity, fingerprint and the like.
        source: the checkpoint it was read from.
    """

    stage: Stage
    progress: Progress
    began: Progress
    rows: list[dict[str, float]]
    seconds: float
    stop_reason: str | None
    saved: Mapping[str, Any]
    model: Mapping[str, Tensor]
    head: Mapping[str, Any]
    source: Path


def take(
    running: Running, stage: Stage, *, seconds: float = 0.0, began: Progress | None = None
) -> Snapshot:
    """Copy a fit to the CPU's memory, between two batches.

    Args:
        running: the fit.
        stage: where it is.
        seconds: that the open epoch has taken.
        began: the counts at its beginning; those of now by default.

    Raises:
        CheckpointError: naming the place, when a callback's state is no plain value.
    """
    state, group = running.state, running.group
    names = {id(p): name for name, p in state.model.named_parameters()}
    model = state.model.state_dict()
    saved = {
        "stage": stage,
        "progress": state.progress.state_dict(),
        "began": (began or state.progress).state_dict(),
        "rows": list(running.history),
        "seconds": seconds,
        "stop_reason": state.stop_reason,
        "metrics": dict(state.metrics),
        "losses": state.losses_dict(),
        "optimizer": state.optimizer.state_dict(),
        "precision": running.precision.state_dict(),
        "trainable": [name for name, p in state.model.named_parameters() if p.requires_grad],
        "unlisted": {n: b for n, b in state.model.named_buffers() if n not in model},
        "group": {"batches": group.batches, "samples": group.samples},
        "gradients": {names[id(p)]: p.grad for p in _with_gradients(state.model)},
        "micro_batch": running.micro.size,
        "callbacks": [[c.name, c.state_dict()] for c in running.callbacks],
    }
    tensors: dict[str, Tensor] = {}
    document = {"kind": KIND, "state": pack(saved, tensors)}
    return Snapshot(document, {"model": _copied(model), "state": _copied(tensors)})


def snapshot_of(moment: Moment) -> Snapshot:
    """Return what a moment was read from, to be written once more."""
    tensors: dict[str, Tensor] = {}
    document = {**moment.head, "kind": KIND, "state": pack(dict(moment.saved), tensors)}
    return Snapshot(document, {"model": dict(moment.model), "state": tensors})


def read_moment(snapshot: Snapshot, *, source: Path) -> Moment:
    """Return what `take` took, as it was read back from ``source``.

    Raises:
        CheckpointError: when it is something else, or lacks a part.
    """
    document = snapshot.document
    try:
        if document["kind"] != KIND:
            raise KeyError("kind")
        saved = unpack(document["state"], snapshot.parts["state"])
        progress, began = Progress(), Progress()
        progress.load_state_dict(saved["progress"])
        began.load_state_dict(saved["began"])
        return Moment(
            stage=saved["stage"],
            progress=progress,
            began=began,
            rows=[dict(row) for row in saved["rows"]],
            seconds=float(saved["seconds"]),
            stop_reason=saved["stop_reason"],
            saved=saved,
            model=snapshot.parts["model"],
            head={k: v for k, v in document.items() if k not in ("kind", "state")},
            source=source,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{source} is no checkpoint of a fit: {error} is missing or wrong. "
            "Give the folder of fit(checkpoint=...)."
        ) from error


def put_back(running: Running, moment: Moment) -> None:
    """Make a fit what it was at ``moment``, in place.

    Raises:
        CheckpointError: when a tensor or a part does not fit.
    """
    state, saved = running.state, moment.saved
    load_into(state.model, moment.model, source=moment.source)
    _put_back_model(state.model, saved)
    try:
        state.optimizer.load_state_dict(saved["optimizer"])
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"the optimizer in {moment.source} does not fit: {error}.") from error
    match_layouts(state.optimizer)
    running.precision.load_state_dict(saved["precision"])
    running.group.batches = int(saved["group"]["batches"])
    running.group.samples = int(saved["group"]["samples"])
    running.micro.size = saved["micro_batch"]
    state.progress.load_state_dict(saved["progress"])
    state.metrics = dict(saved["metrics"])
    state.load_losses(saved["losses"])
    if moment.stop_reason is not None:
        state.stop(moment.stop_reason)
    _put_back_callbacks(running.callbacks, saved["callbacks"])


def _put_back_model(model: nn.Module, saved: Mapping[str, Any]) -> None:
    trainable, gradients = set(saved["trainable"]), saved["gradients"]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trainable)
        found = gradients.get(name)
        # in the parameter's memory order, which sums over it follow
        parameter.grad = None if found is None else torch.empty_like(parameter).copy_(found)
    buffers = dict(model.named_buffers())
    with torch.no_grad():
        for name, value in saved["unlisted"].items():
            if name in buffers and buffers[name].shape == value.shape:
                buffers[name].copy_(value)


def _put_back_callbacks(callbacks: Sequence[Callback], saved: Sequence[Sequence[Any]]) -> None:
    """Give each its own state, by name; of two with one name the first is the first."""
    left = [list(entry) for entry in saved]
    for callback in callbacks:
        entry = next((entry for entry in left if entry[0] == callback.name), None)
        if entry is not None:
            left.remove(entry)
            if entry[1]:
                callback.load_state_dict(entry[1])


def _with_gradients(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.grad is not None]


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
