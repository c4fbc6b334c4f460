"""What a model's body makes of the samples of a loader, gathered beside the learner.

Knows models and loaders; nothing of what is done with the numbers.
"""

from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from learnkit.errors import DataError, ModelError
from learnkit.predictions import Engine
from learnkit.randomness import IntArray, kept_generators
from learnkit.types import BatchLoader

_SHAPES: Final = (nn.Flatten, nn.Identity, nn.Unflatten)  # leave all numbers as they are
MAX_SIDE: Final = 32  # pixels; raw photos are shrunk to that


@dataclass(frozen=True)
class Tap:
    """Where a model's features are taken.

    Attributes:
        module: whose input is listened to: the head, the only layer, or the model itself.
        pool: what the head does to its input before its first weight.
        linear: the head's only layer with weights, if it has no other; a probe can start it.
        raw: the features are the inputs themselves.
    """

    module: nn.Module
    pool: tuple[nn.Module, ...]
    linear: nn.Linear | None
    raw: bool

    def features(self, inputs: Tensor) -> Tensor:
        """Return float64 (B, D) on the CPU from what came to the module."""
        x = inputs.detach().float()
        if self.raw:  # flat already where there is a linear layer to fit
            large = x.ndim == 4 and max(x.shape[2:]) > MAX_SIDE
            x = adaptive_avg_pool2d(x, (MAX_SIDE, MAX_SIDE)) if large else x
        elif self.pool:
            x = x.clone()  # the head still needs it, and a pool may work in place
            for module in self.pool:
                x = module(x)
        elif x.ndim > 2:  # maps (B, C, H, W) or tokens (B, N, C)
            x = x.mean(dim=(2, 3)) if x.ndim == 4 else x.mean(dim=1)
        return x.flatten(1).cpu().double()  # on the CPU: Apple's GPUs have no float64


@dataclass(frozen=True, eq=False)
class Sampled:
    """Samples of a loader as a body sees them, all on the CPU.

    Attributes:
        features: float64 (N, D).
        targets: as the loader gave them.
        preds: the model's own answers, float32 (N, ...).
        indices: int64 (N,), their places in the loader's dataset.
    """

    features: Tensor
    targets: Tensor
    preds: Tensor
    indices: IntArray


def tap_of(model: nn.Module) -> Tap:
    """Find where to listen: before the head, before an only layer, or before the model."""
    body, head = getattr(model, "body", None), getattr(model, "head", None)
    if isinstance(body, nn.Module) and isinstance(head, nn.Module):
        layers = list(head) if type(head) is nn.Sequential else [head]
        pool, linear = _split(layers)
        return Tap(head, pool, linear, raw=False)
    layers = list(model) if isinstance(model, nn.Sequential) else [model]
    linear = _split(layers)[1]
    # before an only layer come the inputs, perhaps flattened
    return Tap(model if linear is None else linear, (), linear, raw=True)


def _split(layers: Iterable[nn.Module]) -> tuple[tuple[nn.Module, ...], nn.Linear | None]:
    """Return what stands before the first weight, and the layer of weights if it is the only."""
    layers = tuple(layers)
    free = tuple(takewhile(_is_free, layers))
    rest = layers[len(free) :]
    alone = all(isinstance(module, _SHAPES) for module in rest[1:])
    only = rest[0] if rest and type(rest[0]) is nn.Linear and alone else None
    return free, only


def _is_free(module: nn.Module) -> bool:
    return next(module.parameters(), None) is None and next(module.buffers(), None) is None


def sample(engine: Engine, tap: Tap, loader: BatchLoader, n: int) -> Sampled:
    """Gather the first ``n`` samples of a loader's epoch 0, without augmentation.

    The model's weights and modes and the caller's generators are left as they were.

    Raises:
        DataError: when the loader gives no batch.
        ModelError: when what comes to the head is no tensor, or of different widths.
    """
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    places: list[IntArray] = []
    with (
        _same_modes(engine.model),
        kept_generators(engine.pipeline.device),
        _listening(tap) as heard,
        closing(engine.run(loader)) as answers,
    ):
        for loaded, preds in answers:
            rows.append((_last(heard), loaded.batch.y, preds.cpu()))
            places.append(loaded.indices)
            if sum(map(len, places)) >= n:
                break
    if not rows:
        raise DataError("the loader gave no batch, so there is nothing to compare.")
    widths = sorted({row[0].shape[1] for row in rows})
    if len(widths) > 1:
        raise ModelError(
            f"baselines needs as many numbers of each sample; these have {widths[0]} to "
            f"{widths[-1]}, as texts and sequences of different lengths do, and the model has no "
            "body and head that make one row of each."
        )
    features, targets, preds = (torch.cat(parts)[:n] for parts in zip(*rows, strict=True))
    _check_finite(features, loader, np.concatenate(places))
    return Sampled(features, targets.cpu(), preds, np.concatenate(places)[:n])


def _check_finite(features: Tensor, loader: BatchLoader, places: IntArray) -> None:
    bad = (~features.isfinite().all(1)).nonzero().flatten().tolist()
    if bad:
        raise DataError(
            f"{loader.describe(int(places[bad[0]]))} gives features that are NaN or infinite, as "
            f"do {len(bad) - 1} others. data.check() finds such values in the inputs."
        )


@contextmanager
def _listening(tap: Tap) -> Generator[list[Tensor], None, None]:
    heard: list[Tensor] = []

    def listen(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not inputs or not isinstance(inputs[0], Tensor):
            found = type(inputs[0]).__name__ if inputs else "nothing"
            raise ModelError(
                f"baselines needs one tensor before the {type(module).__name__}; found {found}."
            )
        heard[:] = [tap.features(inputs[0])]

    handle = tap.module.register_forward_pre_hook(listen)
    try:
        yield heard
    finally:
        handle.remove()


def _last(heard: list[Tensor]) -> Tensor:
    if not heard:
        raise ModelError(
            "the model has a body and a head, but does not call its head, so baselines cannot see "
            "the body's features. Call self.head(features) in its forward."
        )
    return heard.pop()


@contextmanager
def _same_modes(model: nn.Module) -> Generator[None, None, None]:
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
