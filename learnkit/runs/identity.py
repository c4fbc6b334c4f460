"""What must be the same for a fit to go on as if nothing had happened, and a hash of it."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.callback import Callback
from learnkit.data.bunch import DataBunch
from learnkit.plan import FitPlan
from learnkit.schedule import Schedule
from learnkit.types import BatchLoader, IdentifiedLoader

Identity: TypeAlias = dict[str, Any]  # flat: a dotted name, and a JSON number, string or list

# torch adds the last one to an optimizer that has taken a state back, and no other
_NOT_SETTINGS: Final = ("lr", "weight_decay", "differentiable")
_OF_A_MODULE: Final = ("training", "call_super_init", "dump_patches")
_POINTS: Final = 16  # at which a schedule is compared
_SHOWN: Final = 60  # characters of a value in a message
_NAMED: Final = 8  # differences in a message


def data_identity(data: DataBunch) -> Identity:
    """Return what decides the batches: files, labels, order, sizes, random changes."""
    found: Identity = {
        "data.classes": list(data.classes),
        "data.tfms": [described(tfm) for tfm in data.batch_tfms],
    }
    for name, loader in (("train", data.train_dl), ("valid", data.valid_dl)):
        for key, value in _loader_identity(loader).items():
            found[f"data.{name}.{key}"] = value
    return found


def _loader_identity(loader: BatchLoader | None) -> Identity:
    if loader is None:
        return {"kind": None}
    if isinstance(loader, IdentifiedLoader):
        return dict(loader.identity)
    return {
        "kind": type(loader).__qualname__,
        "samples": int(loader.n_samples),
        "batches": len(loader),
        "batch_size": int(loader.batch_size),
    }


def model_identity(model: nn.Module) -> Identity:
    """Return the architecture: tensors' names, shapes and types, and which of them train."""
    shapes = [f"{n} {tuple(t.shape)} {t.dtype}" for n, t in model.state_dict().items()]
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    return {
        "model.kind": type(model).__qualname__,
        "model.tensors": len(shapes),
        "model.shapes": _digest("\n".join(shapes)),
        "model.trained": f"{len(trained)} tensors, {_digest(' '.join(trained))[:16]}",
    }


def plan_identity(plan: FitPlan, rates: Sequence[float]) -> Identity:
    """Return the schedule of a fit."""
    return {
        "schedule.epochs": plan.epochs,
        "schedule.minutes": plan.minutes,
        "schedule.lr": [float(rate) for rate in rates],
        "schedule.curve": _curve(plan.schedule),
        "schedule.momentum": None if plan.momentum is None else _curve(plan.momentum),
        "schedule.weight_decay": float(plan.weight_decay),
        "schedule.accumulate": plan.accumulate,
    }


def _curve(schedule: Schedule) -> list[float]:
    return [float(schedule(i / _POINTS)) for i in range(_POINTS + 1)]


def optimizer_identity(optimizer: Optimizer) -> Identity:
    """Return the kind of optimizer and its settings, without the rates, which the plan has."""
    settings = {k: v for k, v in optimizer.defaults.items() if k not in _NOT_SETTINGS}
    words = ", ".join(f"{name}={described(value)}" for name, value in sorted(settings.items()))
    return {"settings.optimizer": f"{type(optimizer).__name__}({words})"}


def callbacks_identity(callbacks: Sequence[Callback]) -> Identity:
    """Return the callbacks' names, without those that only look on."""
    return {"settings.callbacks": [c.name for c in callbacks if not c.looks_on]}


def machine_identity() -> Identity:
    """Return what may change the last bits of a sum."""
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }


def described(value: object) -> str:
    """Return words for a setting that are the same in every process."""
    if isinstance(value, functools.partial):
        given = [*map(described, value.args)]
        given += [f"{name}={described(inner)}" for name, inner in value.keywords.items()]
        return f"{described(value.func)}({', '.join(given)})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        inner = ", ".join(f"{f.name}={described(getattr(value, f.name))}" for f in fields)
        return f"{type(value).__qualname__}({inner})"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(described, value))}]"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, nn.Module):
        return _module_words(value)
    if isinstance(value, Tensor):
        return f"Tensor({tuple(value.shape)}, {fingerprint({}, {'': value})[:16]})"
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return str(name)


def _module_words(module: nn.Module) -> str:
    """Return a module's own words, and what these often leave out, as those of torch's losses."""
    words, found = " ".join(repr(module).split()), []
    for place, inner in module.named_modules():
        known = {n: v for n, v in vars(inner).items() if n not in _OF_A_MODULE and n[0] != "_"}
        known |= dict(inner.named_buffers(recurse=False))
        at = f"{place}." if place else ""
        found += [f"{at}{name}={described(value)}" for name, value in sorted(known.items())]
    return f"{words}[{', '.join(found)}]" if found else words


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Return a line for each setting that is another one: ``schedule.epochs: 5 there, 8 here``."""
    names = dict.fromkeys([*there, *here])
    return [
        f"{name}: {_apart(there.get(name), here.get(name))}"
        for name in names
        if there.get(name) != here.get(name)
    ]


def few(problems: Sequence[str]) -> str:
    """Return the first of many problems in one line."""
    more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return "; ".join(problems[:_NAMED]) + more


def fingerprint(identity: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of settings and weights, 64 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _apart(there: object, here: object) -> str:
    """Show two values, of long ones the place where they part."""
    one, other = str(there), str(here)
    pairs = enumerate(zip(one, other, strict=False))
    alike = next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
    begin = alike - _SHOWN // 3 if alike > _SHOWN // 2 else 0
    return f"{_cut(one, begin)} there, {_cut(other, begin)} here"


def _cut(text: str, begin: int) -> str:
    end = begin + _SHOWN
    return ("..." if begin else "") + text[begin:end] + ("..." if end < len(text) else "")
