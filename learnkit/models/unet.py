"""A UNet on any backbone: the model that ``unet_learner`` trains.

O. Ronneberger, P. Fischer and T. Brox, "U-Net" (2015), arXiv 1505.04597, figure 1: maps are made
larger step by step, and each is joined with the body's own of that size. Deviations: the body is a
pretrained one, in its own sizes; convolutions are padded, with BatchNorm, so that the answer is as
large as the photo; maps grow by repeating pixels before a convolution (A. Odena et al., 2016,
"Deconvolution and checkerboard artifacts"), to exactly the size that they are joined with, so that
photos of any size work; the last step is joined with the photo itself, as fastai's is.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from learnkit.errors import ModelError
from learnkit.models.backbone import Backbone, ParameterGroups, Weights
from learnkit.models.catalogue import is_known
from learnkit.models.seeded import seeded
from learnkit.models.stages import Stages
from learnkit.names import checked_keywords

MAX_WIDTH = 2_048
_LEAST = 16  # channels of a step


class _Join(nn.Module):
    """Bring a map to the size of a larger one, join both, and convolve twice."""

    def __init__(self, below: int, beside: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(below + beside, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        """Return (B, width, H, W) as large as ``beside`` (B, C, H, W)."""
        larger = functional.interpolate(below, size=beside.shape[2:], mode="nearest")
        joined: Tensor = self.convolutions(torch.cat([larger, beside], 1))
        return joined


class Decoder(nn.Module):
    """From maps, large ones first, and the photo to logits (B, n_classes, H, W).

    Args:
        channels: of the maps.
        n_classes: channels of the answer.
        width: channels of the first step; each later one has half of them, at least 16.
    """

    def __init__(self, channels: tuple[int, ...], n_classes: int, *, width: int) -> None:
        super().__init__()
        steps, below = [], channels[-1]
        for place, beside in enumerate((*reversed(channels[:-1]), 3)):
            out = max(width >> place, _LEAST)
            steps.append(_Join(below, beside, out))
            below = out
        self.steps = nn.ModuleList(steps)
        self.last = nn.Conv2d(below, n_classes, 1)

    def forward(self, maps: list[Tensor], x: Tensor) -> Tensor:
        """Return the logits of each pixel of x (B, 3, H, W)."""
        *larger, joined = maps
        for step, beside in zip(self.steps, (*reversed(larger), x), strict=True):
            joined = step(joined, beside)
        logits: Tensor = self.last(joined)
        return logits


class UnetModel(nn.Module):
    """Stages, then decoder: float32 (B, 3, H, W) -> logits (B, n_classes, H, W), for any H and W.

    Attributes:
        stages: gives the body's maps.
        decoder: gives logits from them.
        backbone: what the body was built from.
        pretrained: whether the body came with weights.
        spec: plain values from which ``build_from_spec`` rebuilds the model, or None when the
            backbone is not of the library's own.
    """

    def __init__(
        self,
        stages: Stages,
        decoder: Decoder,
        *,
        backbone: Backbone,
        spec: dict[str, Any] | None,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.stages, self.decoder = stages, decoder
        self.backbone, self.spec, self.pretrained = backbone, spec, pretrained

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, n_classes, H, W)."""
        logits: Tensor = self.decoder(self.stages(x), x)
        return logits

    def layer_groups(self) -> ParameterGroups:
        """Return the parameters in three groups: early body, late body, decoder."""
        groups = self.backbone.layer_groups(self.stages.body)
        return [*groups, list(self.decoder.parameters())]


@checked_keywords
def build_unet(
    backbone: Backbone,
    n_classes: int,
    *,
    weights: Weights = "default",
    width: int = 256,
    seed: int = 0,
) -> UnetModel:
    """Build a UNet of a backbone and a new decoder.

    The random numbers depend on ``seed`` alone, the decoder's not on the weights; the caller's
    generators are left as they were.

    Args:
        backbone: such as ``models.resnet34`` or ``models.timm("convnext_tiny")``.
        n_classes: channels of the logits.
        weights: as in ``Backbone.build_body``.
        width: channels of the decoder's first step, from 16 to 2,048; each later one has half.
        seed: of the initialisation.

    Raises:
        WeightsError: when the weights cannot be had or do not fit.
        ModelError: when ``backbone`` is none, or gives no maps of several sizes.
        ValueError: when ``width`` is out of range.

    Example:
        >>> from learnkit import models
        >>> model = build_unet(models.resnet18, 3, weights=None)
        >>> model(torch.zeros(2, 3, 50, 70)).shape
        torch.Size([2, 3, 50, 70])
    """
    if not isinstance(backbone, Backbone):
        raise ModelError(
            "A backbone is a value such as models.resnet34 or models.timm(NAME); "
            f"found {backbone!r}."
        )
    if isinstance(width, bool) or not isinstance(width, int) or not _LEAST <= width <= MAX_WIDTH:
        raise ValueError(
            f"width, the channels of the decoder's first step, must be a whole number from {_LEAST}"
            f" to {MAX_WIDTH}; found {width!r}."
        )
    with seeded(seed, "body"):
        body = backbone.build_body(weights)
    stages = Stages(body, backbone)
    with seeded(seed, "head"):
        decoder = Decoder(stages.channels, n_classes, width=width)
    spec = {"model": "unet", "backbone": backbone.name, "n_classes": n_classes, "width": width}
    known = is_known(backbone)
    return UnetModel(
        stages,
        decoder,
        backbone=backbone,
        spec=spec if known else None,
        pretrained=weights is not None,
    )
