"""Bring an image to the size it is trained at: fitting, shrinking, random crops.

Plain functions from pixels to pixels, uint8 (H, W, 3). Pillow resizes antialiased, OpenCV fast;
both without the GIL, so threads run them side by side. Knows no files and no batches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias, get_args

import numpy as np
from PIL import Image

from learnkit.data.pixels import RGB

Resize: TypeAlias = Literal["crop", "pad", "squish"]
RESIZE_METHODS: Final[tuple[Resize, ...]] = get_args(Resize)
Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom in pixels


# An image may be this much larger than `working_short` before it is shrunk: shrinking costs as much
# as decoding, and a crop of what is left is still reduced by less than two.
SLACK: Final = 1.35


def working_short(size: tuple[int, int]) -> int:
    """Return the short side to which images are shrunk before anything else: 8/7 of the size.

    That is 256 for 224: what a centred box needs, and room for random crops.
    """
    return math.ceil(max(size) * 8 / 7)


def shrink(image: RGB, short: int) -> RGB:
    """Bring the short side down to ``short`` pixels, keeping the aspect.

    Never enlarges, and leaves an image alone that is at most ``SLACK`` times as large.
    """
    height, width = image.shape[:2]
    if min(height, width) <= SLACK * short:
        return image
    scale = short / min(height, width)
    return resize(image, (round(height * scale), round(width * scale)))


def resize(image: RGB, size: tuple[int, int], *, box: Box | None = None) -> RGB:
    """Resize ``box`` of the image, or all of it, to (H, W); bilinear with antialiasing."""
    height, width = size
    if box is None and image.shape[:2] == size:
        return image
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, box)
    return np.asarray(resized)


def crop_into(out: RGB, image: RGB, box: Box) -> None:
    """Resize ``box`` of the image into ``out`` (H, W, 3), a place in a batch.

    Bilinear between the four nearest pixels where the box is reduced by less than two, which
    leaves no pixel out; the mean over areas where it is reduced by more. Within 2 of 255 of what
    `resize` gives on soft images; sharper on others, as that averages more.
    """
    import cv2  # 20 ms that a script without photos need not spend

    left, top, right, bottom = box
    height, width = out.shape[:2]
    across, down = (right - left) / width, (bottom - top) / height
    if max(across, down) > 2.0 and min(across, down) < 1.0:  # OpenCV would leave pixels out
        out[:] = resize(image, (height, width), box=box)
        return
    method = cv2.INTER_LINEAR if max(across, down) <= 2.0 else cv2.INTER_AREA
    cv2.resize(image[top:bottom, left:right], (width, height), dst=out, interpolation=method)


def fit_image(image: RGB, size: tuple[int, int], method: Resize) -> RGB:
    """Bring an image to ``size`` (H, W) in the same way every time.

    Args:
        image: uint8 (h, w, 3).
        size: (H, W) in pixels.
        method: ``"crop"`` resizes the largest centred box of the target's aspect; ``"pad"``
            resizes the whole image until it fits and fills the rest by reflection; ``"squish"``
            changes the aspect.
    """
    if method == "crop":
        return resize(image, size, box=centre_box(image.shape[0], image.shape[1], size))
    if method == "pad":
        return _fit_padded(image, size)
    return resize(image, size)


def centre_box(height: int, width: int, size: tuple[int, int]) -> Box:
    """Return the largest centred box that has the aspect of ``size`` (H, W)."""
    scale = min(height / size[0], width / size[1])
    box_h = min(height, max(1, round(size[0] * scale)))
    box_w = min(width, max(1, round(size[1] * scale)))
    top, left = (height - box_h) // 2, (width - box_w) // 2
    return left, top, left + box_w, top + box_h


def padded_box(height: int, width: int, size: tuple[int, int]) -> Box:
    """Return where in a picture of ``size`` (H, W) a whole image lies that is fitted into it."""
    scale = min(size[0] / height, size[1] / width)
    inner_h = min(size[0], max(1, round(height * scale)))
    inner_w = min(size[1], max(1, round(width * scale)))
    top, left = (size[0] - inner_h) // 2, (size[1] - inner_w) // 2
    return left, top, left + inner_w, top + inner_h


def _fit_padded(image: RGB, size: tuple[int, int]) -> RGB:
    left, top, right, bottom = padded_box(image.shape[0], image.shape[1], size)
    inner = resize(image, (bottom - top, right - left))
    spread = ((top, size[0] - bottom), (left, size[1] - right), (0, 0))
    return np.pad(inner, spread, mode="reflect")


@dataclass(frozen=True, slots=True)
class RandomResizedCrop:
    """A random box of the image, resized to the training size.

    The box covers a random share of the area, of random aspect, at a random place (Szegedy et al.,
    2014, arXiv 1409.4842, section 6). Ten boxes are tried; if none fits, the largest centred one
    of an allowed aspect is taken, as torchvision and fastai do.

    Attributes:
        min_scale: smallest share of the image's area, in (0, 1].
        ratio: lowest and highest aspect (width / height), relative to the target's aspect.
    """

    min_scale: float = 0.35
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    tries: ClassVar[int] = 10
    n_draws: ClassVar[int] = 22

    def __post_init__(self) -> None:
        if not 0.0 < self.min_scale <= 1.0:
            raise ValueError(f"min_scale must be in (0, 1], found {self.min_scale}.")
        if len(self.ratio) != 2 or not 0.0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"ratio must be (lowest, highest) above 0, found {self.ratio}.")

    def box(self, height: int, width: int, draws: Sequence[float], *, aspect: float = 1.0) -> Box:
        """Return (left, top, right, bottom) of the box for one image.

        Args:
            height: of the image, in pixels.
            width: of the image, in pixels.
            draws: ``n_draws`` uniform numbers in [0, 1).
            aspect: width / height of the target size.
        """
        lowest, highest = self.ratio[0] * aspect, self.ratio[1] * aspect
        for attempt in range(self.tries):
            share, shape = draws[2 * attempt], draws[2 * attempt + 1]
            area = height * width * (self.min_scale + (1.0 - self.min_scale) * share)
            ratio = lowest * (highest / lowest) ** shape
            box_w, box_h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < box_w <= width and 0 < box_h <= height:
                left = int(draws[-2] * (width - box_w + 1))
                top = int(draws[-1] * (height - box_h + 1))
                return left, top, left + box_w, top + box_h
        ratio = min(max(width / height, lowest), highest)
        return centre_box(height, width, (1000, round(1000 * ratio)))
