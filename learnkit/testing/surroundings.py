"""What a fit must leave as it was, however it ended: modes, hooks, flags, attributes, torch itself.

Weights, buffers and the optimizer's state are not in it: training changes them. Nor is what each
fit sets anew: learning rates, momentum and weight decay.
"""

import random
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import torch
from torch import nn

from learnkit.learner import Learner

Kept: TypeAlias = Literal[
    "attribute",
    "generator",
    "hooks",
    "learner",
    "mode",
    "module",
    "optimizer",
    "requires_grad",
    "tensor",
    "torch",
]
Surroundings: TypeAlias = dict[tuple[Kept, str], Any]

_PLAIN: Final = (bool, int, float, str, type(None))
# keys of groups that every fit sets anew, and leaves as its schedule ends
_SCHEDULED: Final = frozenset({"betas", "initial_lr", "lr", "momentum", "weight_decay"})


def surroundings(learn: Learner) -> Surroundings:
    """Return all that a callback must put back, by kind and place."""
    found: Surroundings = {}
    for name, module in learn.model.named_modules():
        found |= dict(_of_module(name or "the model", module))
    for name, parameter in learn.model.named_parameters():
        own, after = (
            getattr(parameter, kind, None) or ()
            for kind in ("_backward_hooks", "_post_accumulate_grad_hooks")
        )
        found["requires_grad", name] = parameter.requires_grad
        found["hooks", f"tensor {name}"] = len(own) + len(after)
    for name, value in learn.model.state_dict().items():
        found["tensor", name] = (tuple(value.shape), str(value.dtype))
    for kind in ("pre", "post"):
        hooks = getattr(learn.optimizer, f"_optimizer_step_{kind}_hooks", ())
        found["hooks", f"optimizer {kind}-step"] = len(hooks)
    parts = (_of_optimizer(learn), _of_learner(learn), _of_process(), _of_generators())
    return found | dict(chain.from_iterable(parts))


def changed(before: Surroundings, after: Surroundings, *, but: Collection[Kept]) -> str | None:
    """Return the first thing that is not as it was, in words, or None.

    Args:
        before: the fit.
        after: it.
        but: kinds that may change.
    """
    for key in (*before, *(k for k in after if k not in before)):
        kind, place = key
        if kind in but or (key in before and key in after and before[key] == after[key]):
            continue
        was, now = before.get(key, "not there"), after.get(key, "not there")
        return f"{kind} of {place} was {was!r} and is {now!r}"
    return None


def _of_module(name: str, module: nn.Module) -> Iterator[tuple[tuple[Kept, str], Any]]:
    yield ("module", name), type(module).__qualname__
    yield ("mode", name), "training" if module.training else "eval"
    for key, value in vars(module).items():
        if key.endswith("hooks") and isinstance(value, Mapping):
            yield ("hooks", f"{name}, {key}"), len(value)
        elif isinstance(value, _PLAIN) and key not in ("training", "_compiled_call_impl"):
            yield ("attribute", f"{name}.{key}"), value
        elif not key.startswith("_"):
            yield ("attribute", f"{name}.{key}"), type(value).__qualname__


def _of_optimizer(learn: Learner) -> Iterator[tuple[tuple[Kept, str], Any]]:
    for number, group in enumerate(learn.optimizer.param_groups):
        yield ("optimizer", f"group {number}, its keys"), sorted(set(group) - _SCHEDULED)
        yield ("optimizer", f"group {number}, its parameters"), len(group["params"])
        for key, value in group.items():
            if key not in _SCHEDULED and isinstance(value, _PLAIN):
                yield ("optimizer", f"group {number}, {key}"), value


def _of_learner(learn: Learner) -> Iterator[tuple[tuple[Kept, str], Any]]:
    """Parts that a callback might take the place of; told apart by their identity."""
    parts = {
        "model": learn.model,
        "data": learn.data,
        "data.train_dl": learn.data.train_dl,
        "data.valid_dl": learn.data.valid_dl,
        "task": learn.task,
        "precision": learn.precision,
    }
    for name, part in parts.items():
        yield ("learner", name), f"{type(part).__qualname__} {id(part)}"
    yield ("learner", "data.train_dl.batch_size"), learn.data.train_dl.batch_size
    yield ("learner", "metrics"), [id(metric) for metric in learn.metrics]
    yield ("learner", "callbacks"), [id(callback) for callback in learn.callbacks]


def _of_process() -> Iterator[tuple[tuple[Kept, str], Any]]:
    yield ("torch", "grad mode"), torch.is_grad_enabled()
    yield ("torch", "default dtype"), str(torch.get_default_dtype())
    yield ("torch", "deterministic algorithms"), torch.are_deterministic_algorithms_enabled()
    yield ("torch", "anomaly detection"), torch.is_anomaly_enabled()
    yield ("torch", "threads"), torch.get_num_threads()
    yield ("torch", "float32 matmul precision"), _told(torch.get_float32_matmul_precision)
    for flag in ("allow_tf32", "benchmark", "deterministic", "enabled"):
        yield ("torch", f"cudnn.{flag}"), _told(partial(getattr, torch.backends.cudnn, flag))
    if threading.current_thread() is threading.main_thread():
        yield ("torch", "handler of Ctrl-C"), repr(signal.getsignal(signal.SIGINT))


def _told(read: Callable[[], object]) -> object:
    """Return a flag; torch raises where its older and its newer settings were both used."""
    try:
        return read()
    except RuntimeError:
        return "set in parts"


def _of_generators() -> Iterator[tuple[tuple[Kept, str], Any]]:
    """Tell the states of the global ones apart; their numbers would fill pages."""
    numpys: Any = np.random.get_state(legacy=False)
    kept = numpys["state"]["pos"], numpys["has_gauss"], numpys["gauss"]
    states: dict[str, object] = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy.random": (numpys["state"]["key"].tobytes(), *kept),
        "random": random.getstate(),
    }
    for name, state in states.items():
        yield ("generator", name), f"{hash(state) & 0xFFFFFFFF:08x}"
