"""A backbone of three convolutions, for small photos and for tests."""

import itertools
from dataclasses import dataclass

from torch import nn
from typing_extensions import override

from learnkit.models import Backbone, BackboneSource, Inputs


@dataclass(frozen=True)
class TinySource(BackboneSource):
    """Builds the body; it has no pretrained weights.

    Attributes:
        width: channels after the first convolution.
    """

    width: int = 16

    @override
    def build(self, weights: str | None) -> nn.Module:
        sizes = (3, self.width, 2 * self.width, 4 * self.width)
        blocks = [
            nn.Sequential(
                nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(n_out),
                nn.ReLU(inplace=True),
            )
            for n_in, n_out in itertools.pairwise(sizes)
        ]
        return nn.Sequential(*blocks)

    @override
    def inputs(self) -> Inputs:
        return Inputs(size=64)


tinynet = Backbone("tinynet", TinySource())
