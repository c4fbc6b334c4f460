"""A hash of tensors' bytes, computed where they lie: any change of them gives another one."""

from collections.abc import Iterable
from typing import Final, TypeAlias

import torch
from torch import Tensor

Stamp: TypeAlias = tuple[int, ...]

_PART: Final = 1 << 16  # words that are weighed at once, which fits a core's cache
_NEXT: Final = 6364136223846793005  # odd, so that multiplying by it loses nothing
_WORDS: Final = {1: torch.uint8, 2: torch.int16, 4: torch.int32}


def stamp_of(tensors: Iterable[Tensor]) -> Stamp:
    """Return two whole numbers about each tensor, which come out otherwise once a bit has changed.

    The bytes are taken as whole numbers of 64 bits: their sum, and their sum under random odd
    weights, both modulo 2**64. A change of one number changes each sum for certain; several that
    cancel out in both, such as numbers that change places, are as likely as 1 in 2**63. It is no
    guard against somebody who looks for such. Equal stamps say nothing between two processes.

    Counters of writes would not do: `lr_find` writes everything back as it was.
    """
    weights: dict[torch.device, Tensor] = {}
    found: list[Tensor] = []
    with torch.no_grad():
        for tensor in tensors:
            words = _words(tensor.detach())
            if words.device not in weights:
                weights[words.device] = _weights().to(words.device)
            found += [words.sum(dtype=torch.int64), _weighed(words, weights[words.device])]
    return tuple(torch.stack([one.cpu() for one in found]).tolist()) if found else ()


def _words(tensor: Tensor) -> Tensor:
    """Return the bytes as whole numbers, in the order in which they lie."""
    by_stride = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    flat = tensor.permute(by_stride).reshape(-1)  # no copy, also of channels_last
    size = flat.element_size()
    if flat.nbytes % 8 == 0 and flat.storage_offset() * size % 8 == 0 and flat.is_contiguous():
        return flat.view(torch.int64)
    return flat.contiguous().view(_WORDS.get(size, torch.int64))


def _weights() -> Tensor:
    drawn = torch.Generator().manual_seed(1)
    return torch.randint(-(2**63), 2**63 - 1, (_PART,), generator=drawn) | 1


def _weighed(words: Tensor, weights: Tensor) -> Tensor:
    total = torch.zeros((), dtype=torch.int64, device=words.device)
    for first in range(0, len(words), _PART):
        part = words[first : first + _PART]
        total = total * _NEXT + (weights[: len(part)] * part).sum()
    return total
