"""Run a body that needs no gradients as fast as it goes, and its features only once.

While it is in use, a body that does not train is computed without a graph, with every BatchNorm
folded and its weights in the type of the arithmetic. What it gives for photos that come back
unchanged, such as those of validation, is remembered. Whenever the body is no longer as it was (a
weight moved, a hook was hung in, it trains), the plain body is computed.

Weights are known to have moved by the counters that torch keeps of each change in place. Two things
pass those by: fused optimizers, after which `fast_body` counts for them, and writing through
``parameter.data``, which the next fit notices but a prediction with a frozen body does not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from learnkit.models.folding import folded
from learnkit.randomness import IntArray

FEATURES_LIMIT: Final = 256 << 20  # bytes of remembered features
Stamp: TypeAlias = tuple[Any, ...]


class HasFastBody(Protocol):
    """A model that asks its ``fast``, if it has one, before it runs its body."""

    body: nn.Module
    fast: "FastBody | None"


def has_fast_body(model: object) -> TypeGuard[HasFastBody]:
    """Say whether a model is such a one.

    Not by ``isinstance``, which since Python 3.12 does not see the parts of an ``nn.Module``.
    """
    return hasattr(model, "fast") and isinstance(getattr(model, "body", None), nn.Module)


@dataclass
class _Table:
    """Features of one loader's samples: values (N, ...) and which of them are known."""

    owner: object  # kept, so that its id stays its own
    known: Any  # bool (N,), on the CPU, so that asking costs no transfer
    values: Tensor


@dataclass(frozen=True)
class _Announced:
    x: Tensor
    version: int
    owner: object
    n: int
    indices: IntArray


class FastBody:
    """What is remembered of one body while `in_use`, and from one use to the next."""

    def __init__(self) -> None:
        self.training = False
        self._trained = False
        self._twin: nn.Module | None = None
        self._stamp: Stamp = ()
        self._content: Stamp = ()
        self._tables: dict[tuple[int, bool], _Table] = {}
        self._announced: _Announced | None = None

    def __reduce__(self) -> tuple[type["FastBody"], tuple[()]]:
        return FastBody, ()  # a copy of a learner has a body of its own

    def begin(self, body: nn.Module, *, training: bool) -> None:
        """Get ready for a fit, or for predictions, with a body that may have changed meanwhile.

        The user's own loop with a fused optimizer leaves no trace, so the numbers of a body that
        trains are looked at; those of a frozen one once for each fit, since that takes some
        milliseconds.
        """
        self.training, trains = training, _trains(body)
        content = _content_of(body) if trains or training else self._content
        if trains != self._trained or content != self._content:
            self._forget()
        self._trained, self._content = trains, content

    def prepare(self, body: nn.Module, device: torch.device) -> None:
        """Fold a frozen body now: while torch traces it, no other thread may run any module."""
        if not _trains(body) and all(map(_is_plain, body.modules())):
            self._twin_of(body, device.type)

    def end(self) -> None:
        """Let go of the features."""
        self.training, self._tables, self._announced = False, {}, None

    def announce(self, x: Tensor, owner: object, n: int, indices: IntArray) -> None:
        """Say that ``x`` holds these samples as they are every time.

        Args:
            x: the batch that the model is given next, if nobody changes it before.
            owner: the loader that gave it.
            n: samples that the owner has.
            indices: int64 (B,), their places among them.
        """
        counted = isinstance(x, Tensor) and not x.is_inference()
        self._announced = _Announced(x, x._version, owner, n, indices) if counted else None

    def fits(self, body: nn.Module, x: Tensor) -> bool:
        """Say whether the body may be computed in this way now.

        Not in a fit that trains it, whatever the phase: optimizers move weights without a trace.
        """
        if _trains(body):
            if self.training:
                self._forget()
                return False
            if torch.is_grad_enabled():
                return False
        if x.requires_grad or any(tensor.is_inference() for tensor in _tensors(body)):
            return False
        return all(map(_is_plain, body.modules()))

    def features(self, body: nn.Module, pool: nn.Module | None, x: Tensor) -> Tensor:
        """Return ``pool(body(x))``, or ``body(x)`` without a ``pool``; no graph leads to them."""
        # what is remembered in somebody's inference mode must serve after it too
        with torch.inference_mode(mode=False), torch.no_grad():
            twin = self._twin_of(body, x.device.type)
            announced, self._announced = self._announced, None
            if announced is None or announced.x is not x or announced.version != x._version:
                return _pooled(twin(x), pool)
            key = id(announced.owner), pool is None
            table = self._tables.get(key)
            if table is not None and table.known[announced.indices].all():
                return table.values[torch.from_numpy(announced.indices).to(x.device)]
            features = _pooled(twin(x), pool)
            self._remember(key, announced, features)
            return features

    def _twin_of(self, body: nn.Module, device_type: str) -> nn.Module:
        under_autocast = torch.is_autocast_enabled(device_type)
        dtype = torch.get_autocast_dtype(device_type) if under_autocast else None
        stamp = dtype, *((id(t), t._version, t.data_ptr()) for t in _tensors(body))
        twin = self._twin
        if twin is None or stamp != self._stamp:
            twin = folded(body, dtype)
            self._twin, self._stamp, self._tables = twin, stamp, {}
        return twin

    def _forget(self) -> None:
        self._twin, self._stamp, self._tables = None, (), {}

    def _remember(self, key: tuple[int, bool], announced: _Announced, features: Tensor) -> None:
        table = self._tables.get(key)
        if table is None:
            if announced.n * features[0].numel() * features.element_size() > FEATURES_LIMIT:
                return
            values = features.new_empty(announced.n, *features.shape[1:])
            table = _Table(announced.owner, np.zeros(announced.n, bool), values)
            self._tables[key] = table
        table.values[torch.from_numpy(announced.indices).to(features.device)] = features
        table.known[announced.indices] = True


@contextmanager
def fast_body(model: nn.Module, fast: FastBody | None, *, training: bool) -> Iterator[None]:
    """Let ``model``, if it is one that can, run its body by ``fast`` inside the block.

    Args:
        model: any model; one without a body of its own is left alone.
        fast: what was remembered of this model; None runs its body as it is.
        training: whether weights may move inside the block.
    """
    if not has_fast_body(model) or model.fast is not None:
        yield
        return
    moving = _moving(model.body) if training else set()
    if fast is not None:
        fast.begin(model.body, training=training)
        model.fast = fast
    try:
        yield
    finally:
        if fast is not None:
            model.fast = None
            fast.end()
        if training:
            for parameter in moving | _moving(model.body):
                increment_version(parameter)


def _pooled(maps: Tensor, pool: nn.Module | None) -> Tensor:
    if pool is None:
        return maps
    pooled: Tensor = pool(maps.float() if torch.is_autocast_enabled(maps.device.type) else maps)
    return pooled


def has_hooks(module: nn.Module) -> bool:
    """Say whether somebody listens to what passes through the module, or has replaced it."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in vars(module)
    )


def _tensors(body: nn.Module) -> Iterator[Tensor]:
    yield from body.parameters()
    yield from body.buffers()


def _trains(body: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in body.parameters())


def _content_of(body: nn.Module) -> Stamp:
    """Return a number about each tensor."""
    with torch.no_grad():
        norms = [torch.linalg.vector_norm(tensor.float()) for tensor in _tensors(body)]
        return tuple(torch.stack(norms).tolist()) if norms else ()


def _moving(body: nn.Module) -> set[nn.Parameter]:
    return {p for p in body.parameters() if p.requires_grad and not p.is_inference()}


def _is_plain(module: nn.Module) -> bool:
    return not (module.training or has_hooks(module))
