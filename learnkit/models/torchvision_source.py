"""Bodies of torchvision's classifiers, with the facts of torchvision's own weight metadata."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from learnkit.models.backbone import BackboneSource, Inputs, Interpolation
from learnkit.models.weights import StateDict, fetch, fits, load_into, read_state_dict
from learnkit.signals import import_whole

NAMES = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "wide_resnet50_2",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_v2_s",
    "convnext_tiny",
    "convnext_small",
    "convnext_base",
)
_AFTER_THE_BODY = ("avgpool", "fc")


@dataclass(frozen=True)
class TorchvisionSource(BackboneSource):
    """One of torchvision's classifiers, cut after its last feature map.

    The parts keep torchvision's names, so published weight files fit as they are.
    """

    name: str

    def build(self, weights: str | None) -> nn.Module:
        """Return the children before the pooling, or ``features`` where the family has it."""
        model: nn.Module = _models().get_model_builder(self.name)(weights=None)
        children = OrderedDict(model.named_children())
        if "features" in children:
            kept = OrderedDict(features=children["features"])
        else:
            kept = OrderedDict((k, v) for k, v in children.items() if k not in _AFTER_THE_BODY)
        body = nn.Sequential(kept)
        if weights is not None:
            path = fetch(self._entry(weights).url, name=self.name)
            load_into(body, read_state_dict(path), name=self.name, origin=str(path))
        return body

    def tags(self) -> tuple[str, ...]:
        """Torchvision's names of the weights, its default first."""
        entries = _models().get_model_weights(self.name)
        return tuple(dict.fromkeys([entries.DEFAULT.name, *(entry.name for entry in entries)]))

    def inputs(self) -> Inputs:
        """Facts of the default weights."""
        preset = self._entry(self.tags()[0]).transforms()
        interpolation: Interpolation = (
            "bicubic" if preset.interpolation.value == "bicubic" else "bilinear"
        )
        return Inputs(tuple(preset.mean), tuple(preset.std), preset.crop_size[0], interpolation)

    def lookalike(self, state: StateDict) -> str | None:
        """Name the torchvision classifier whose body has exactly these tensors."""
        with torch.device("meta"):
            return next((n for n in NAMES if fits(TorchvisionSource(n).build(None), state)), None)

    def _entry(self, tag: str) -> Any:
        return _models().get_model_weights(self.name)[tag]


def _models() -> Any:
    return import_whole("torchvision.models")
