"""A body to fine-tune, and the facts that travel with its weights.

Knows how a body is built, split and measured. Knows neither torchvision nor timm: each library
is a ``BackboneSource`` in a module of its own, and is imported when a body is built.
"""

import abc
import functools
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import nn

from learnkit.errors import ModelError, WeightsError
from learnkit.models.weights import load_into, read_state_dict
from learnkit.names import did_you_mean

Interpolation = Literal["bilinear", "bicubic"]
Weights: TypeAlias = str | os.PathLike[str] | None
ParameterGroups: TypeAlias = list[list[nn.Parameter]]

_FILE_SUFFIXES = (".pth", ".pt", ".bin", ".tar", ".safetensors")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the pretraining fed the body with: RGB in [0, 1], then ``(x - mean) / std``.

    Attributes:
        mean: per channel.
        std: per channel.
        size: pixels per side.
        interpolation: how photos were resized.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    size: int = 224
    interpolation: Interpolation = "bilinear"


class BackboneSource(abc.ABC):
    """Where a body comes from. Subclasses are frozen dataclasses, so that backbones compare."""

    @abc.abstractmethod
    def build(self, weights: str | None) -> nn.Module:
        """Return a body: float32 (B, 3, H, W) -> (B, n_features, h, w).

        Args:
            weights: one of ``tags()``, or None for random numbers.
        """

    def tags(self) -> tuple[str, ...]:
        """Names of the pretrained weights; the first is the default."""
        return ()

    def inputs(self) -> Inputs:
        """Facts from the weights' own metadata."""
        return Inputs()

    def core(self, body: nn.Module) -> nn.Module:
        """Return the part of ``body`` whose tensors are named as in published weight files."""
        return body

    def fixed_size(self) -> bool:
        """Whether the body takes photos of ``inputs().size`` only."""
        return False

    def lookalike(self, state: dict[str, torch.Tensor]) -> str | None:
        """Name the architecture that a file of weights seems to be made for, if known."""
        return None


@dataclass(frozen=True)
class Backbone:
    """A body to fine-tune and the facts that travel with its weights. ``resnet34`` is one.

    Nothing is imported or built until a fact or a body is asked for. A backbone of your own is
    ``Backbone("mine", MySource())`` with a ``BackboneSource`` that builds it.

    Attributes:
        name: its name in exports, such as ``"resnet34"`` or ``"timm/vit_tiny_patch16_224"``.
    """

    name: str
    source: BackboneSource = field(repr=False)

    @property
    def n_features(self) -> int:
        """Channels of the last feature map."""
        return _feature_shape(self.source)[0]

    @property
    def pooled(self) -> bool:
        """Whether the body pools by itself, so that its map is one pixel (transformers)."""
        return _feature_shape(self.source)[1:] == (1, 1)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of the pretraining inputs per channel, RGB in [0, 1]."""
        return _inputs(self.source).mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of the pretraining inputs per channel."""
        return _inputs(self.source).std

    @property
    def size(self) -> int:
        """Pixels per side of the pretraining inputs."""
        return _inputs(self.source).size

    @property
    def interpolation(self) -> Interpolation:
        """How the pretraining resized its photos."""
        return _inputs(self.source).interpolation

    @property
    def fixed_size(self) -> bool:
        """Whether the body takes photos of ``size`` only (most transformers)."""
        return self.source.fixed_size()

    def build_body(self, weights: Weights = "default") -> nn.Module:
        """Return a body that gives maps float32 (B, n_features, h, w).

        Args:
            weights: ``"default"``, another tag of the same library such as ``"IMAGENET1K_V1"``, the
                path of a .pth or .safetensors file (with or without a classifier, any float
                type), or None for random numbers from torch's generator.

        Raises:
            WeightsError: when the weights are missing, unreachable or of another architecture.
        """
        if weights is None:
            return self.source.build(None)
        path = _as_path(weights)
        if path is None:
            return self.source.build(self._tag(str(weights)))
        state = read_state_dict(path)
        body = self.source.build(None)
        load_into(
            self.source.core(body),
            state,
            name=self.name,
            origin=str(path),
            lookalike=self.source.lookalike,
        )
        return body

    def layer_groups(self, body: nn.Module) -> ParameterGroups:
        """Split the parameters of ``body`` in an early and a late group.

        ResNets are cut before ``layer3``, as in fastai v2 (``_resnet_split``); other bodies in
        two halves by their blocks. Every parameter is in exactly one group.
        """
        late = {id(p) for unit in _late_units(self.source.core(body)) for p in unit.parameters()}
        parameters = list(body.parameters())
        return [
            [p for p in parameters if id(p) not in late],
            [p for p in parameters if id(p) in late],
        ]

    def _tag(self, weights: str) -> str:
        tags = self.source.tags()
        if not tags:
            raise WeightsError(
                f"{self.name} has no pretrained weights of its own. Use weights=PATH with a .pth "
                "or .safetensors file, or weights=None for random numbers."
            )
        if weights == "default":
            return tags[0]
        if weights not in tags:
            raise WeightsError(
                f"{self.name} has no weights {weights!r}, and no file of that name was found."
                f"{did_you_mean(weights, ['default', *tags])} "
                f'Known: "default", {", ".join(tags)}; or the path of a file; or None.'
            )
        return weights


def _as_path(weights: str | os.PathLike[str]) -> Path | None:
    """Tell a file from a tag: only words that look like a path, or exist, are files."""
    if not isinstance(weights, str | os.PathLike):
        raise TypeError(
            'weights must be "default", a tag, the path of a file, or None; '
            f"found {type(weights).__name__}."
        )
    path = Path(weights).expanduser()
    if not isinstance(weights, str):
        return path
    looks = path.suffix.lower() in _FILE_SUFFIXES or len(path.parts) > 1
    return path if looks or (weights != "default" and path.is_file()) else None


@functools.cache
def _inputs(source: BackboneSource) -> Inputs:
    return source.inputs()


@functools.cache
def _feature_shape(source: BackboneSource) -> tuple[int, int, int]:
    """Send shapes through a body without memory or numbers (torch's meta device)."""
    size = _inputs(source).size
    with torch.device("meta"), torch.no_grad():
        body = source.build(None).eval()
        maps = body(torch.zeros(1, 3, size, size))
    if not isinstance(maps, torch.Tensor) or maps.ndim != 4:
        found = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
        raise ModelError(
            f"The body of {source} must give maps (B, C, h, w) for photos (B, 3, {size}, {size}); "
            f"found {found}."
        )
    return maps.shape[1], maps.shape[2], maps.shape[3]


def _late_units(core: nn.Module) -> list[nn.Module]:
    children = dict(core.named_children())
    if "layer3" in children and "layer4" in children:
        return [children["layer3"], children["layer4"]]
    units = list(_units(core.children()))
    return units[len(units) // 2 :]


def _units(modules: Iterable[nn.Module]) -> Iterable[nn.Module]:
    """Walk the blocks that have parameters; plain containers are opened, blocks are not."""
    for module in modules:
        # Subclasses of Sequential, such as a convolution with its norm, are one block.
        if type(module) in (nn.Sequential, nn.ModuleList):
            yield from _units(module.children())
        elif any(True for _ in module.parameters()):
            yield module
