"""Start a model from one with other classes: the body as it was, the last layer's rows by name.

A class that both know keeps its row of the last layer, wherever it stood, so its logit for a photo
is that of the old model, but for the order in which a matrix product of another width adds. A class
that is new keeps its own fresh row, shortened or lengthened to the mean length of the rows that
were kept, with their mean bias: at the length of fresh rows it would drown the trained ones, or be
drowned by them. Knows tensors and names, no files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from learnkit.errors import CheckpointError, ModelError
from learnkit.models.weights import StateDict
from learnkit.names import nearest

_AT_MOST = 8  # names in a sentence


@dataclass(frozen=True)
class WarmStart:
    """What a warm start took over.

    Attributes:
        kept: classes whose rows were taken over, in the new order.
        new: classes with fresh rows.
        dropped: classes of the old model that are gone.
        notes: what may be a mistake, a sentence each.
    """

    kept: tuple[str, ...]
    new: tuple[str, ...]
    dropped: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [("kept", self.kept), ("new", self.new), ("dropped", self.dropped)]
        lines = [f"{word:<8} {len(names):>4}  {_few(names)}".rstrip() for word, names in parts]
        return "\n".join([*lines, *self.notes])


def last_layer(model: nn.Module, n_classes: int) -> str:
    """Return the name of the layer whose rows are the classes: the last linear one, of the head.

    Raises:
        ModelError: when the last layer with weights is another one.
    """
    layers = {name: m for name, m in model.named_modules() if _has_own_weights(m)}
    head = [name for name in layers if name.partition(".")[0] == "head"]
    name: str = (head or list(layers) or [""])[-1]
    layer: nn.Module = layers.get(name, model)
    if isinstance(layer, nn.Linear | nn.Conv2d) and layer.weight.shape[0] == n_classes:
        return name
    raise ModelError(
        f"warm_start needs a last layer with a row for each of the {n_classes} classes; the last "
        f"with weights is {type(layer).__name__}{f' {name!r}' if name else ''}."
    )


def _has_own_weights(module: nn.Module) -> bool:
    return next(module.parameters(recurse=False), None) is not None


def warm_start(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    old: Sequence[str],
    new: Sequence[str],
    source: str = "the old model",
) -> WarmStart:
    """Copy the weights of a model with other classes into ``model``, all of them or none.

    Args:
        model: of the same architecture; its last layer has a row for each of ``new``.
        tensors: the old model's, by name.
        old: its classes, in the order of its rows.
        new: the classes of ``model``, likewise.
        source: where the tensors come from, for messages.

    Raises:
        CheckpointError: for another architecture or another width of the head, naming the tensor.
        ModelError: when a class is named twice, or the last layer has no row for each class.
    """
    for names, whose in ((old, source), (new, "this learner")):
        if not names or len(set(names)) < len(names):
            found = "has no classes" if not names else "names a class twice"
            raise ModelError(f"warm_start goes by class names, and {whose} {found}.")
    layer = last_layer(model, len(new))
    rows = {f"{layer}.{part}".lstrip(".") for part in ("weight", "bias")}
    own = model.state_dict()
    _check(own, tensors, rows, n_old=len(old), source=source)
    place = {name: i for i, name in enumerate(old)}
    merged = dict(tensors)
    for name in sorted(rows & own.keys(), reverse=True):
        merged[name] = _rows(own[name], tensors[name], [place.get(each) for each in new])
    model.load_state_dict(merged)
    report = WarmStart(
        kept=tuple(name for name in new if name in place),
        new=tuple(name for name in new if name not in place),
        dropped=tuple(name for name in old if name not in set(new)),
    )
    return replace(report, notes=tuple(_notes(report)))


def _rows(fresh: Tensor, saved: Tensor, places: Sequence[int | None]) -> Tensor:
    """Return a row for each place: the saved one, or a fresh one as long as those on average."""
    out = fresh.detach().clone()
    kept = [i for i, place in enumerate(places) if place is not None]
    new = [i for i, place in enumerate(places) if place is None]
    if not kept:
        return out
    taken = saved[[place for place in places if place is not None]].to(out)
    out[kept] = taken
    if new and out.ndim == 1:
        out[new] = taken.mean()
    elif new:
        lengths = torch.linalg.vector_norm(out[new].flatten(1).double(), dim=1)
        wanted = torch.linalg.vector_norm(taken.flatten(1).double(), dim=1).mean()
        factor = (wanted / lengths.clamp_min(1e-12)).to(out.dtype)
        out[new] *= factor.reshape(-1, *(1,) * (out.ndim - 1))
    return out


def _check(
    own: StateDict, tensors: Mapping[str, Tensor], rows: set[str], *, n_old: int, source: str
) -> None:
    """Compare every tensor but the number of rows of the last layer."""
    problems = [f"{name} is missing" for name in own if name not in tensors]
    problems += [f"{name} is not in this model" for name in tensors if name not in own]
    for name, value in own.items():
        expected = (n_old, *value.shape[1:]) if name in rows else tuple(value.shape)
        found = tuple(tensors[name].shape) if name in tensors else expected
        if found != expected and name in rows and len(found) == len(expected) > 1:
            problems.insert(0, f"its head ends in {found[1]} features, this one in {expected[1]}")
        if found != expected:
            problems.append(f"{name} has shape {found}, expected {expected}")
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(
            f"{source} is of another architecture: {'; '.join(problems[:3])}{more}. Make the "
            "learner with the backbone and the head that the old model had."
        )


def _notes(report: WarmStart) -> list[str]:
    notes = [] if report.kept else ["No class of the old model is here: only the body was taken."]
    for name in report.new:
        near = nearest(name, report.dropped, cutoff=0.85)
        if near is not None:
            notes.append(f"{name!r} counts as new; is it the old {near!r}?")
    return notes


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_AT_MOST]) + (", ..." if len(names) > _AT_MOST else "")
