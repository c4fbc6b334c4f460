"""From the loader's batch to what the model sees: device, float, transforms, normalised.

Knows no files, no threads and no loop.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from learnkit.data.augment import BatchTransform, Transform
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys, key_of, mix
from learnkit.types import Batch, Loaded


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

    def __call__(self, x: Tensor) -> Tensor:
        """Return float32 (B, C, H, W), laid out in memory as x is; uint8 is taken as [0, 255].

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
        out = x.to(torch.float32, copy=True)
        rows = out.permute(0, 2, 3, 1)
        if out.device.type == "cpu" and rows.is_contiguous():
            # channels last: whole rows of W * C numbers at once are twice as fast on the CPU
            width = x.shape[3]
            rows.view(-1, width * len(self.mean)).mul_(scale.repeat(width)).add_(bias.repeat(width))
            return out
        return out.mul_(scale[:, None, None]).add_(bias[:, None, None])


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
        return value.to(device, non_blocking=True)
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
        memory_format: of images; keep ``channels_last`` for convolutions that want it.
    """

    device: torch.device
    tfms: tuple[Transform, ...] = ()
    normalize: Normalize | None = None
    memory_format: torch.memory_format = torch.preserve_format

    def prepare(self, loaded: Loaded, *, keys: SampleKeys | None) -> Batch:
        """Return the batch as the model sees it.

        Args:
            loaded: from a loader.
            keys: what random choices depend on, or None to leave ``tfms`` out.
        """
        batch = Batch(*to_device(tuple(loaded.batch), self.device))
        x: object = batch.x  # a loader of the user's may give a dict or a tuple
        if not isinstance(x, Tensor):
            return batch
        if keys is not None:
            batch = self._transformed(batch, keys)
        return batch._replace(x=self._finished(batch.x))

    def _transformed(self, batch: Batch, keys: SampleKeys) -> Batch:
        for transform, its_keys in zip(self.tfms, _keys_of(self.tfms, keys), strict=True):
            if isinstance(transform, BatchTransform):
                if batch.x.dim() != 4:
                    raise DataError(
                        f"{type(transform).__name__} changes images (B, C, H, W); the loader "
                        f"gives {tuple(batch.x.shape)}. Leave it out of the transforms."
                    )
                if not transform.moves_pixels_only:
                    batch = batch._replace(x=_as_float(batch.x))
                batch = transform(batch, its_keys)
            else:
                batch = batch._replace(x=transform(_as_float(batch.x)))
        return batch

    def _finished(self, x: Tensor) -> Tensor:
        if self.normalize is not None and (x.dtype == torch.uint8 or x.is_floating_point()):
            x = self.normalize(x)
        x = _as_float(x)
        if x.dim() == 4 and self.memory_format is not torch.preserve_format:
            x = x.contiguous(memory_format=self.memory_format)
        return x


def _as_float(x: Tensor) -> Tensor:
    """Turn uint8 images into float32 in [0, 1]; leave everything else."""
    if x.dtype != torch.uint8 or x.dim() != 4:
        return x
    return x.to(torch.float32).mul_(1.0 / 255.0)


def _keys_of(tfms: Sequence[Transform], keys: SampleKeys) -> list[SampleKeys]:
    """Give a second transform of the same class draws of its own."""
    seen: Counter[str] = Counter()
    result = []
    for transform in tfms:
        name = type(transform).__name__
        again = seen[name]
        seen[name] += 1
        seed = mix(keys.seed, key_of(name), again) if again else keys.seed
        result.append(replace(keys, seed=seed))
    return result
