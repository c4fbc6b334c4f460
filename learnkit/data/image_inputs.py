"""How a photo becomes a model's input: what an export keeps, and the loader of new ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from torch import Tensor

from learnkit.data.decode import ImageLike
from learnkit.data.geometry import RESIZE_METHODS, Resize
from learnkit.data.loader import ImageLoader
from learnkit.data.skipped import OnError
from learnkit.data.source import ImageSource, ItemSource
from learnkit.json_fields import Fields

MAX_SIDE: Final = 16_384
MAX_AREA: Final = 4_096 * 4_096  # a batch of one is then 0.2 GB in float32


@dataclass(frozen=True, kw_only=True)
class ImageInputs:
    """How a photo becomes the model's input.

    Attributes:
        size: height and width in pixels.
        resize: how a photo of another shape is fitted: crop, pad or squish.
        mean: per channel, of RGB in [0, 1]; empty when photos are not normalised.
        std: per channel, of RGB in [0, 1]; empty likewise.
    """

    size: tuple[int, int]
    resize: Resize
    mean: tuple[float, ...]
    std: tuple[float, ...]

    kind: ClassVar[str] = "photo"

    def loader(self, items: Sequence[ImageLike], *, batch_size: int) -> ImageLoader:
        """Return the batches of photos in any form, fitted as in validation."""
        return self.photos(ItemSource(items), batch_size=batch_size, errors="raise")

    def photos(self, source: ImageSource, *, batch_size: int, errors: OnError) -> ImageLoader:
        """Return the batches of a source; ``errors`` as in `ImageLoader`."""
        return ImageLoader(
            source,
            np.zeros(len(source), np.int64),
            batch_size=batch_size,
            size=self.size,
            resize=self.resize,
            num_workers=0 if len(source) == 1 else None,
            cache=None,
            errors=errors,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "size": list(self.size),
            "resize": self.resize,
            "mean": list(self.mean),
            "std": list(self.std),
        }

    def words(self, x: Tensor) -> str:
        """Return the photo's size: a photo is drawn, not said."""
        return f"photo {x.shape[-2]} x {x.shape[-1]}"


def read(fields: Fields) -> ImageInputs:
    """Read the inputs of an export.

    Raises:
        ValueError: naming the field that is wrong.
    """
    size = fields.numbers("size", low=1, high=MAX_SIDE)
    if len(size) != 2 or any(side != int(side) for side in size):
        fields.refuse("size", "two whole numbers, height and width")
    height, width = int(size[0]), int(size[1])
    if height * width > MAX_AREA:
        fields.refuse("size", f"at most {MAX_AREA:,} pixels together")
    mean = fields.numbers("mean", low=-1e3, high=1e3)
    std = fields.numbers("std", low=1e-6, high=1e3)
    if len(mean) not in (0, 3) or len(std) != len(mean):
        fields.refuse("mean", "three numbers, as for std, or none")
    resize: Any = fields.value("resize", str)
    if resize not in RESIZE_METHODS:
        fields.refuse("resize", f"one of {', '.join(RESIZE_METHODS)}")
    return ImageInputs(size=(height, width), resize=resize, mean=mean, std=std)
