"""A UNet on a backbone."""

from typing import Final

from torch import nn

from learnkit.models.kinds.cnn import explained, find
from learnkit.models.kinds.kind import Kind, Values
from learnkit.models.spec_fields import be_name, be_width, refusal
from learnkit.models.unet import MAX_WIDTH, build_unet

# Numbers in the answer for one photo, 1 GB in float32: 255 classes on 1024 x 1024 pixels.
MAX_ANSWER: Final = 1 << 28


def _check(values: Values) -> None:
    if not 16 <= values["width"] <= MAX_WIDTH:
        raise refusal("unet.width", f"a whole number from 16 to {MAX_WIDTH}", values["width"])
    backbone = find(values["backbone"])
    with explained(backbone):
        backbone.source.inputs()  # of the library's own, which is imported for it


def _build(values: Values) -> nn.Module:
    backbone = find(values["backbone"])
    with explained(backbone):
        return build_unet(backbone, values["n_classes"], weights=None, width=values["width"])


def _takes(values: Values, height: int, width: int) -> bool:
    return int(values["n_classes"]) * height * width <= MAX_ANSWER


KIND: Final = Kind(
    fields={"backbone": be_name, "n_classes": be_width, "width": be_width},
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["n_classes"]),
    takes_photos=_takes,
)
