"""Run a body that needs no gradients as fast as it goes, and its features only once.

While it is in use, a body that does not train is computed without a graph, with every BatchNorm
folded and its weights in the type of the arithmetic. What it gives for photos that come back
unchanged, such as those of validation, is remembered. Whenever the body is no longer as it was (a
weight moved, a hook was hung in, it trains), the plain body is computed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from learnkit.models.folding import folded
from learnkit.randomness import IntArray

FEATURES_LIMIT: Final = 256 << 20  # bytes of remembered features
Stamp: TypeAlias = tuple[Any, ...]


@runtime_checkable
class HasFastBody(Protocol):
    """A model that asks its ``fast``, if it has one, before it runs its body."""

    body: nn.Module
    fast: "FastBody | None"


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
        self._twin: nn.Module | None = None
        self._stamp: Stamp = ()
        self._content: Stamp = ()
        self._tables: dict[int, _Table] = {}
        self._announced: _Announced | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "FastBody":
        return FastBody()  # a copy of a model has a body of its own

    def begin(self, body: nn.Module, *, training: bool) -> None:
        """Get ready for a fit, or for predictions, with a body that may have changed meanwhile.

        A frozen one changes by nothing that does not count up its tensors' versions, but a fused
        optimizer moves the weights of others without a trace.
        """
        self.training = training
        content = _content_of(body) if _trains(body) and not training else ()
        if content != self._content or (training and _trains(body)):
            self._twin, self._stamp = None, ()
        self._content = content

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
        self._announced = _Announced(x, x._version, owner, n, indices)

    def fits(self, body: nn.Module, x: Tensor) -> bool:
        """Say whether the body may be computed in this way now.

        Not in a fit that trains it, whatever the phase: optimizers move weights without a trace.
        """
        if _trains(body) and (self.training or torch.is_grad_enabled()):
            return False
        return not x.requires_grad and all(map(_is_plain, body.modules()))

    def features(self, body: nn.Module, pool: nn.Module | None, x: Tensor) -> Tensor:
        """Return ``pool(body(x))``, or ``body(x)`` without a ``pool``; no graph leads to them."""
        with torch.no_grad():
            twin = self._twin_of(body, x.device.type)
            announced, self._announced = self._announced, None
            if announced is None or announced.x is not x or announced.version != x._version:
                return _pooled(twin(x), pool)
            table = self._tables.get(id(announced.owner))
            if table is not None and table.known[announced.indices].all():
                return table.values[torch.from_numpy(announced.indices).to(x.device)]
            features = _pooled(twin(x), pool)
            self._remember(announced, features)
            return features

    def _twin_of(self, body: nn.Module, device_type: str) -> nn.Module:
        under_autocast = torch.is_autocast_enabled(device_type)
        dtype = torch.get_autocast_dtype(device_type) if under_autocast else None
        stamp = dtype, *((id(t), t._version) for t in _tensors(body))
        if self._twin is None or stamp != self._stamp:
            self._twin, self._stamp, self._tables = folded(body, dtype), stamp, {}
        return self._twin

    def _remember(self, announced: _Announced, features: Tensor) -> None:
        table = self._tables.get(id(announced.owner))
        if table is None:
            if announced.n * features[0].numel() * features.element_size() > FEATURES_LIMIT:
                return
            values = features.new_empty(announced.n, *features.shape[1:])
            table = _Table(announced.owner, np.zeros(announced.n, bool), values)
            self._tables[id(announced.owner)] = table
        table.values[torch.from_numpy(announced.indices).to(features.device)] = features
        table.known[announced.indices] = True


@contextmanager
def fast_body(model: nn.Module, fast: FastBody | None, *, training: bool) -> Iterator[None]:
    """Let ``model``, if it is one that can, run its body by ``fast`` inside the block.

    Args:
        model: any model; one without a body of its own is left alone.
        fast: what was remembered of this model; None leaves it alone.
        training: whether weights may move inside the block.
    """
    if fast is None or not isinstance(model, HasFastBody) or model.fast is not None:
        yield
        return
    fast.begin(model.body, training=training)
    model.fast = fast
    try:
        yield
    finally:
        model.fast = None
        fast.end()


def _pooled(maps: Tensor, pool: nn.Module | None) -> Tensor:
    return maps if pool is None else pool(maps.float())


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


def _is_plain(module: nn.Module) -> bool:
    """Whether the module runs in eval mode and nobody listens to what passes through it."""
    return not (
        module.training
        or module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
