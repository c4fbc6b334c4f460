"""Weights in fewer bytes: as 8-bit numbers, as signs, or only those that are not 0.

Each packing takes a weight float32 (out, ...) to a few tensors and back. Knows no modules.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from learnkit.errors import ExportError

Parts: TypeAlias = dict[str, Tensor]
Shape: TypeAlias = tuple[int, ...]


class Packing(NamedTuple):
    """A way to hold a weight.

    Attributes:
        pack: from a weight to its parts, on the CPU.
        unpack: from parts and the weight's shape back to it.
        empty: parts of a weight of a shape, with so many numbers kept, without their values.
    """

    pack: Callable[[Tensor], Parts]
    unpack: Callable[[Mapping[str, Tensor], Shape], Tensor]
    empty: Callable[[Shape, int], Parts]


def to_int8(weight: Tensor) -> Parts:
    """Round to whole multiples of a step, -127 to 127, with a step for each output channel.

    Symmetric quantisation by channel: Krishnamoorthi 2018, arXiv 1806.08342, section 3.

    Example:
        >>> to_int8(torch.tensor([[1.0, -0.5, 0.0]]))["codes"]
        tensor([[127, -64,   0]], dtype=torch.int8)
    """
    rows = weight.flatten(1)
    step = rows.abs().amax(1) / 127
    step = torch.where(step > 0, step, torch.ones_like(step))  # of zeros alone
    codes = (rows / step[:, None]).round().clamp(-127, 127).to(torch.int8)
    return {"codes": codes.view(weight.shape), "step": step}


def _from_int8(parts: Mapping[str, Tensor], shape: Shape) -> Tensor:
    rows = parts["codes"].flatten(1).float() * parts["step"][:, None]
    return rows.view(shape)


def _empty_int8(shape: Shape, kept: int) -> Parts:
    return {"codes": torch.zeros(shape, dtype=torch.int8), "step": torch.zeros(shape[0])}


def binary_of(weight: Tensor) -> Tensor:
    """Return each weight's sign times the mean of its output channel's absolute weights.

    The nearest weights of two values by channel: Rastegari et al. 2016, arXiv 1603.05279,
    equation 6. A weight of 0 counts as positive.
    """
    return _signed(weight >= 0, weight.flatten(1).abs().mean(1))


def _signed(positive: Tensor, scale: Tensor) -> Tensor:
    values = scale.view(-1, *[1] * (positive.ndim - 1))
    return torch.where(positive, values, -values)


def to_binary(weight: Tensor) -> Parts:
    """Keep a bit for each weight, and a scale for each output channel; see `binary_of`."""
    return {"bits": _bits(weight >= 0), "scale": weight.flatten(1).abs().mean(1)}


def _from_binary(parts: Mapping[str, Tensor], shape: Shape) -> Tensor:
    return _signed(_flags(parts["bits"], shape), parts["scale"])


def _empty_binary(shape: Shape, kept: int) -> Parts:
    return {"bits": _no_bits(shape), "scale": torch.zeros(shape[0])}


def to_kept(weight: Tensor) -> Parts:
    """Keep the weights that are not 0, and a bit for each that says whether it is one."""
    return {"bits": _bits(weight != 0), "kept": weight[weight != 0]}


def _from_kept(parts: Mapping[str, Tensor], shape: Shape) -> Tensor:
    flags, kept = _flags(parts["bits"], shape), parts["kept"]
    found = int(flags.sum())
    if found != len(kept):
        raise ExportError(
            f"a pruned weight has {found} places for {len(kept)} numbers; the file was changed. "
            "Get the export again from where it was made."
        )
    return torch.zeros(shape).masked_scatter(flags, kept)


def _empty_kept(shape: Shape, kept: int) -> Parts:
    return {"bits": _no_bits(shape), "kept": torch.zeros(kept)}


def _bits(flags: Tensor) -> Tensor:
    return torch.from_numpy(np.packbits(flags.flatten().numpy()))


def _flags(bits: Tensor, shape: Shape) -> Tensor:
    n = int(np.prod(shape))
    return torch.from_numpy(np.unpackbits(bits.numpy(), count=n).astype(bool)).view(shape)


def _no_bits(shape: Shape) -> Tensor:
    return torch.zeros(-(-int(np.prod(shape)) // 8), dtype=torch.uint8)


PACKINGS: Final[dict[str, Packing]] = {
    "binary": Packing(to_binary, _from_binary, _empty_binary),
    "int8": Packing(to_int8, _from_int8, _empty_int8),
    "pruned": Packing(to_kept, _from_kept, _empty_kept),
}
