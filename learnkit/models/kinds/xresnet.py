"""An XResNet."""

from typing import Final

from torch import nn

from learnkit.models.kinds.kind import Kind, Values
from learnkit.models.spec_fields import be_one_of, be_width
from learnkit.models.xresnet import STAGES, xresnet


def _build(values: Values) -> nn.Module:
    return xresnet(values["depth"], values["n_classes"], in_channels=values["in_channels"])


KIND: Final = Kind(
    fields={"depth": be_one_of(*STAGES), "n_classes": be_width, "in_channels": be_width},
    build=_build,
    n_outputs=lambda values: int(values["n_classes"]),
    takes_photos=lambda values, height, width: bool(values["in_channels"] == 3),
)
