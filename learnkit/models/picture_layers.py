"""The layers between pictures and codes, both ways. Everything fits any size of picture."""

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor, nn
from torch.nn import functional

Shape: TypeAlias = tuple[int, int, int]


def dense_encoder(shape: Shape, n_out: int, hidden: Sequence[int]) -> nn.Sequential:
    """Return dense layers with GELU: (B, C, H, W) -> (B, n_out)."""
    return nn.Sequential(nn.Flatten(), *_dense([math.prod(shape), *hidden, n_out]))


def dense_decoder(shape: Shape, n_in: int, hidden: Sequence[int]) -> nn.Sequential:
    """Return the layers of `dense_encoder` the other way round: (B, n_in) -> (B, C, H, W)."""
    layers = _dense([n_in, *reversed(hidden), math.prod(shape)])
    return nn.Sequential(*layers, nn.Unflatten(1, shape))


def conv_encoder(shape: Shape, n_out: int, channels: Sequence[int]) -> nn.Sequential:
    """Return convolutions that halve the sides, rounded up, and a dense layer."""
    layers: list[nn.Module] = []
    for n_in, n in itertools.pairwise([shape[0], *channels]):
        layers += [nn.Conv2d(n_in, n, 3, 2, 1, bias=False), nn.BatchNorm2d(n), nn.GELU()]
    height, width = halved(shape, len(channels))[-1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * height * width, n_out))


def conv_decoder(shape: Shape, n_in: int, channels: Sequence[int]) -> nn.Sequential:
    """Return a dense layer and convolutions, each after the sides were doubled.

    Nearest neighbours and a convolution leave none of the checks that transposed convolutions
    draw (Odena et al. 2016, distill.pub/2016/deconv-checkerboard).
    """
    sides = halved(shape, len(channels))
    first = (channels[-1], *sides[-1])
    layers: list[nn.Module] = [nn.Linear(n_in, math.prod(first)), nn.Unflatten(1, first)]
    widths = [*reversed(channels), channels[0]]
    for (n, n_out), size in zip(itertools.pairwise(widths), reversed(sides[:-1]), strict=True):
        layers += [Resize(size), nn.Conv2d(n, n_out, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(n_out), nn.GELU()]
    return nn.Sequential(*layers, nn.Conv2d(channels[0], shape[0], 3, padding=1))


def halved(shape: Shape, times: int) -> list[tuple[int, int]]:
    """Return height and width before the first halving and after each, rounded up.

    Example:
        >>> halved((1, 8, 5), 2)
        [(8, 5), (4, 3), (2, 2)]
    """
    sides = [(shape[1], shape[2])]
    for _ in range(times):
        sides.append((-(-sides[-1][0] // 2), -(-sides[-1][1] // 2)))
    return sides


class Resize(nn.Module):
    """Maps (B, C, h, w) to (B, C, *size), each value from the nearest place."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps in their new size."""
        return functional.interpolate(x, self.size)

    def extra_repr(self) -> str:
        """Return the size, for printing."""
        return f"{self.size}"


def _dense(widths: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.GELU()]
    return layers[:-1]
