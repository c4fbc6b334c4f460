"""The maps that a body makes on its way, one of each size: what a decoder builds on.

Nothing is hung into the body: it is run stage by stage. Knows no decoder.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.backbone import Backbone, BackboneSource


class Cuts(NamedTuple):
    """Which of a body's maps are kept: the last one of each size.

    Attributes:
        places: of the maps among all that the body makes.
        channels: of each.
        sides: of each, in pixels for a photo of the pretraining's size.
    """

    places: tuple[int, ...]
    channels: tuple[int, ...]
    sides: tuple[int, ...]


class Stages(nn.Module):
    """A body that gives the last map of each size, large ones first.

    float32 (B, 3, H, W) -> maps (B, C_i, h_i, w_i), each smaller than the one before.

    Args:
        body: as ``backbone.build_body`` makes it.
        backbone: what it was built from: one of torchvision's, whose bodies are chains of modules,
            or one of timm's that can give its maps (``forward_intermediates``).

    Attributes:
        body: as given, so that its tensors keep their names.
        channels: of each map.

    Raises:
        ModelError: when the body is neither, or its maps are all of one size, as those of
            transformers are that keep their number of tokens.
    """

    def __init__(self, body: nn.Module, backbone: Backbone) -> None:
        super().__init__()
        cuts = cuts_of(backbone)
        self.body = body
        self._places, self.channels = cuts.places, cuts.channels
        self._source = backbone.source
        core = cast("Any", self._core())
        if hasattr(core, "prune_intermediate_layers"):  # timm's, less what comes after the last map
            core.prune_intermediate_layers(list(cuts.places), prune_norm=True, prune_head=True)
            self._places = tuple(range(len(cuts.places)))
            self._asked: list[int] | None = list(cuts.places)
        else:
            self._asked = None

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps."""
        maps = _maps(self._core(), x, self._asked)
        return [maps[place] for place in self._places]

    def _core(self) -> nn.Module:
        return self._source.core(self.body)


def cuts_of(backbone: Backbone) -> Cuts:
    """Find out, on shapes alone, which maps of a backbone are kept.

    Raises:
        ModelError: see `Stages`.
    """
    cuts = _cuts(backbone.source, backbone.size)
    if cuts is None:
        raise ModelError(
            f"The body of {backbone.name} gives only its last map, and a UNet needs those before "
            "it too: take one of torchvision's, or one of timm's that has forward_intermediates."
        )
    if len(cuts.places) < 2:
        raise ModelError(
            f"All maps of {backbone.name} have one size ({cuts.sides[-1]} x {cuts.sides[-1]}), and "
            "a UNet needs larger ones too: take a convolutional model, or one such as swin."
        )
    return cuts


@functools.cache
def _cuts(source: BackboneSource, side: int) -> Cuts | None:
    with torch.device("meta"), torch.no_grad():
        core = source.core(source.build(None).eval())
        if not (isinstance(core, nn.Sequential) or hasattr(core, "forward_intermediates")):
            return None
        maps = _maps(core, torch.zeros(1, 3, side, side), None)
    kept: dict[int, int] = {}  # the side of a map -> its place, the last one of each side
    for place, one in enumerate(maps):
        if one.ndim == 4 and (not kept or one.shape[2] <= min(kept)):
            kept[one.shape[2]] = place
    places = tuple(kept.values())
    return Cuts(places, tuple(maps[place].shape[1] for place in places), tuple(kept))


def _maps(core: nn.Module, x: Tensor, asked: Sequence[int] | None) -> list[Tensor]:
    """Return all maps of a body, or the ones at ``asked`` places of a model of timm's."""
    if not isinstance(core, nn.Sequential):
        found: list[Tensor] = cast("Any", core).forward_intermediates(
            x, indices=None if asked is None else list(asked), intermediates_only=True
        )
        return found
    maps = []
    for unit in _units(core):
        x = unit(x)
        maps.append(x)
    return maps


def _units(body: nn.Sequential) -> list[nn.Module]:
    """Return the links of a chain; one that is nothing but another chain is opened."""
    units = list(body)
    return _units(units[0]) if len(units) == 1 and isinstance(units[0], nn.Sequential) else units
