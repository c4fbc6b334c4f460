"""Generators and critics of convolutions, after Radford et al. 2016 (arXiv 1511.06434)."""

import itertools
from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar, get_args

import torch
from torch import Tensor, nn

from learnkit.models.scratch import check_widths
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords, did_you_mean
from learnkit.pictures import check_shape

CriticNorm: TypeAlias = Literal["batch", "layer", "none"]
Net = TypeVar("Net", bound=nn.Module)


class DCGenerator(nn.Sequential):
    """Made by `dcgan_generator`: transposed convolutions from noise to pictures in [0, 1]."""

    def __init__(self, shape: Sequence[int], n_latent: int, channels: Sequence[int]) -> None:
        n_maps, height, width = check_shape(shape)
        check_doublings(shape, len(channels))
        times = 2 ** len(channels)
        small = (-(-height // times), -(-width // times))
        first = channels[0] * small[0] * small[1]
        layers: list[nn.Module] = [
            nn.Linear(n_latent, first, bias=False),
            nn.Unflatten(1, (channels[0], *small)),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        ]
        for n_in, n_out in itertools.pairwise(channels):
            layers += [nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(n_out), nn.ReLU()]
        layers += [nn.ConvTranspose2d(channels[-1], n_maps, 4, 2, 1), _Crop(height, width)]
        super().__init__(*layers)
        self.shape, self.n_latent = (n_maps, height, width), n_latent
        self.channels = tuple(channels)


class DCCritic(nn.Sequential):
    """Made by `dcgan_critic`: strided convolutions from pictures to a score."""

    def __init__(self, shape: Sequence[int], channels: Sequence[int], norm: CriticNorm) -> None:
        n_maps, height, width = check_shape(shape)
        layers: list[nn.Module] = [_Centre()]
        for place, (n_in, n_out) in enumerate(itertools.pairwise([n_maps, *channels])):
            layers += [nn.Conv2d(n_in, n_out, 4, 2, 1)]
            layers += [_norm(norm, n_out)] if place and norm != "none" else []
            layers += [nn.LeakyReLU(0.2)]
        times = len(channels)
        super().__init__(
            *layers,
            nn.Flatten(),
            nn.Linear(channels[-1] * (height >> times) * (width >> times), 1),
            nn.Flatten(0),
        )
        self.shape, self.channels, self.norm = (n_maps, height, width), tuple(channels), norm


@checked_keywords
def dcgan_generator(
    shape: Sequence[int],
    *,
    n_latent: int = 64,
    channels: Sequence[int] = (128, 64),
    seed: int = 0,
) -> DCGenerator:
    """Build a generator after Radford et al. 2016 (arXiv 1511.06434): noise to pictures in [0, 1].

    A dense layer makes small maps, and each transposed convolution doubles their sides; BatchNorm
    and ReLU between them, tanh at the end. Where the sides are no multiples, the edge is cut off.

    Example:
        >>> import torch
        >>> dcgan_generator((1, 8, 8))(torch.zeros(2, 64)).shape
        torch.Size([2, 1, 8, 8])

    Args:
        shape: of a picture, (C, H, W); any size.
        n_latent: numbers of noise for a picture.
        channels: maps before each doubling.
        seed: of the initialisation, normal with 0.02 as in the paper.

    Raises:
        ValueError: when a width is below 1, the shape is none, or the maps would become larger
            than the pictures.
    """
    check_widths(n_latent=(n_latent,), channels=channels)
    with seeded(seed, "generator"):
        return _dcgan_init(DCGenerator(shape, n_latent, channels))


def check_doublings(shape: Sequence[int], times: int) -> None:
    """Refuse maps that grow far beyond the pictures that are cut out of them.

    Raises:
        ValueError: when one pixel becomes more than twice as long as the pictures' shorter side.
    """
    height, width = shape[1], shape[2]
    most = min(height, width).bit_length()
    if times > most:
        raise ValueError(
            f"{times} layers double the sides of the generator's maps far beyond pictures of "
            f"{height} x {width}, which take at most {most}. Give fewer channels."
        )


@checked_keywords
def dcgan_critic(
    shape: Sequence[int],
    *,
    channels: Sequence[int] = (64, 128),
    norm: CriticNorm = "batch",
    seed: int = 0,
) -> DCCritic:
    """Build a critic after Radford et al. 2016 (arXiv 1511.06434): pictures to scores (B,).

    Each convolution halves the sides; LeakyReLU of 0.2, and no norm in the first layer.

    Example:
        >>> import torch
        >>> dcgan_critic((1, 8, 8))(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2])

    Args:
        shape: of a picture, (C, H, W), with sides of at least 2 ** len(channels).
        channels: maps of each layer.
        norm: ``"batch"`` as in the paper; ``"layer"`` or ``"none"`` for a gradient penalty, which
            is of each picture for itself.
        seed: of the initialisation, normal with 0.02 as in the paper.

    Raises:
        ValueError: when a width is below 1, the pictures are too small, or the norm is none.
    """
    check_widths(channels=channels)
    if norm not in get_args(CriticNorm):
        hint = did_you_mean(str(norm), get_args(CriticNorm))
        raise ValueError(f'norm must be "batch", "layer" or "none"; got {norm!r}.{hint}')
    _, height, width = check_shape(shape)
    if min(height, width) < 2 ** len(channels):
        raise ValueError(
            f"{len(channels)} layers halve the sides to nothing: pictures of {height} x {width} "
            f"take at most {min(height, width).bit_length() - 1}. Give fewer channels."
        )
    with seeded(seed, "critic"):
        return _dcgan_init(DCCritic(shape, channels, norm))


def _dcgan_init(net: Net) -> Net:
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return net


def _norm(norm: CriticNorm, n: int) -> nn.Module:
    return nn.BatchNorm2d(n) if norm == "batch" else nn.GroupNorm(1, n)


class _Crop(nn.Module):
    """tanh, from [-1, 1] to [0, 1], of the middle of the maps."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        top, left = (x.shape[2] - self.height) // 2, (x.shape[3] - self.width) // 2
        inner = x[:, :, top : top + self.height, left : left + self.width]
        return torch.tanh(inner.float()) * 0.5 + 0.5


class _Centre(nn.Module):
    """Pictures from [0, 1] to [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 - 1
