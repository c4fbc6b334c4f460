"""A plain convolutional net."""

import itertools
from typing import Final

from torch import nn

from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.scratch import cnn
from learnkit.models.spec_fields import be_width, be_widths


def _check(values: Values) -> None:
    channels = values["channels"]
    pairs = itertools.pairwise([values["in_channels"], *channels])
    total = sum(9 * n_in * n_out for n_in, n_out in pairs)
    check_size("convnet.channels", total + channels[-1] * values["n_classes"])


def _build(values: Values) -> nn.Module:
    return cnn(values["n_classes"], channels=values["channels"], in_channels=values["in_channels"])


KIND: Final = Kind(
    fields={"n_classes": be_width, "channels": be_widths, "in_channels": be_width},
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["n_classes"]),
    takes_photos=lambda values, height, width: bool(values["in_channels"] == 3),
)
