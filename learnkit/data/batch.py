"""From the loader's batch to what the model sees: device, float, transforms, normalised.

Knows no files, no threads and no loop.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from learnkit.data.augment import Transform
from learnkit.data.memory import ReusedMemory
from learnkit.data.moved import check_moves
from learnkit.data.run_tfms import as_float, run_tfms
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys
from learnkit.types import Batch, Loaded, Moves


@dataclass(frozen=True, slots=True)
class Normalize:
    """Subtract ``mean`` and divide by ``std``, one number for each channel, for x in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean or min(self.std) <= 0.0:
            raise ValueError(
                f"mean and std need one number each for every channel, std above 0; "
                f"found mean={self.mean} and std={self.std}."
            )

    def __call__(self, x: Tensor, *, memory: ReusedMemory | None = None) -> Tensor:
        """Return float32 (B, C, H, W), laid out in memory as x is; uint8 is taken as [0, 255].

        Args:
            x: (B, C, H, W).
            memory: where the result may be put, on the CPU.

        Raises:
            DataError: when x has another number of channels.
        """
        if x.dim() != 4 or x.shape[1] != len(self.mean):
            raise DataError(
                f"Normalising by {len(self.mean)} channels needs images "
                f"(B, {len(self.mean)}, H, W); found {tuple(x.shape)}."
            )
        highest = 255.0 if x.dtype == torch.uint8 else 1.0
        bias, scale = _constants(self.mean, self.std, highest, x.device)
        rows = x.permute(0, 2, 3, 1)
        if x.device.type == "cpu" and rows.is_contiguous():
            return _by_rows(rows, bias, scale, memory).permute(0, 3, 1, 2)
        out = x.to(torch.float32, copy=True)
        return out.mul_(scale[:, None, None]).add_(bias[:, None, None])


def _by_rows(rows: Tensor, bias: Tensor, scale: Tensor, memory: ReusedMemory | None) -> Tensor:
    """Scale (B, H, W, C) by whole rows of W * C numbers, twice as fast as by C numbers."""
    out = memory.tensor(tuple(rows.shape)) if memory is not None else torch.empty(rows.shape)
    width, channels = rows.shape[2:]
    out.copy_(rows)
    out.view(-1, width * channels).mul_(scale.repeat(width)).add_(bias.repeat(width))
    return out


@lru_cache(maxsize=32)
def _constants(
    mean: tuple[float, ...], std: tuple[float, ...], highest: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Make the tensors of ``x * scale + bias`` once, as every copy to a device costs time."""
    with torch.inference_mode(mode=False):
        bias = [-m / s for m, s in zip(mean, std, strict=True)]
        scale = [1.0 / (s * highest) for s in std]
        made = torch.tensor([bias, scale], dtype=torch.float64).to(torch.float32)
        on_device = made.to(device)
    return on_device[0], on_device[1]


def to_device(value: Any, device: torch.device) -> Any:
    """Move every tensor of a nested value; everything else stays as it is."""
    if isinstance(value, Tensor):
        # only CUDA waits with using such memory again until the copy is done
        return value.to(device, non_blocking=device.type == "cuda")
    if isinstance(value, dict):
        return {key: to_device(part, device) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_device(part, device) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(to_device(part, device) for part in value)
    return value


@dataclass(frozen=True, slots=True)
class BatchPipeline:
    """Prepares batches for one model on one device.

    uint8 images become float32 in [0, 1], go through ``tfms`` in training, and are normalised.
    Everything else is only moved and, where it is an image in float already, transformed and
    normalised.

    Attributes:
        device: where the model is.
        tfms: applied in this order, in training only.
        normalize: of the model's pretrained weights, or None.
        moves: ``"mask"`` or ``"points"`` where the targets go where the pixels go; ``""`` leaves
            them as they are. Masks uint8, as they are loaded, become int64.
        memory: where batches of floats lie on the CPU, one after the other.
    """

    device: torch.device
    tfms: tuple[Transform, ...] = ()
    normalize: Normalize | None = None
    moves: Moves = ""
    memory: ReusedMemory = field(default_factory=ReusedMemory, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_moves(self.moves)

    def prepare(self, loaded: Loaded, *, keys: SampleKeys | None) -> Batch:
        """Return the batch as the model sees it.

        Args:
            loaded: from a loader.
            keys: what random choices depend on, or None to leave ``tfms`` out.
        """
        x: object = loaded.batch.x  # a loader of the user's may give a dict or a tuple
        y: object = loaded.batch.y
        here = isinstance(x, Tensor) and x.device == self.device
        if here and isinstance(y, Tensor) and y.device == self.device:
            batch = loaded.batch
        else:
            batch = Batch(*to_device(tuple(loaded.batch), self.device))
        if not isinstance(x, Tensor):
            return batch
        if keys is not None and self.tfms:
            batch = run_tfms(self.tfms, batch, keys, moves=self.moves)
        if self.moves == "mask" and batch.y.dtype == torch.uint8:
            batch = batch._replace(y=batch.y.long())  # here, since it takes eight times the memory
        finished = self._finished(batch.x)
        return batch if finished is batch.x else Batch(finished, batch.y)

    def _finished(self, x: Tensor) -> Tensor:
        if self.normalize is not None and (x.dtype == torch.uint8 or x.is_floating_point()):
            return self.normalize(x, memory=self.memory)
        return as_float(x)
