"""Augmentation of whole batches on the training device, different for each sample.

What happens to a sample depends on its keys alone (seed, epoch, index), never on the other samples
of its batch. Knows no files, no sizes and no normalisation: x float32 (B, 3, H, W) in [0, 1].
"""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from learnkit.data.warp import (
    exchanges,
    identities,
    mirrorings,
    rotations,
    sampling_grid,
    warps,
    zooms,
)
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys
from learnkit.types import Batch


class BatchTransform(abc.ABC):
    """A random change of a batch, keyed by sample. Subclass it to write one of your own.

    Attributes:
        moves_pixels_only: True when pixels change places but not values, so that the transform
            may run on uint8 before the conversion to float, with the same result and a quarter
            of the bytes.
        each_alone: True when it changes x alone, each sample without a look at the others, so
            that a batch may be changed a few samples at a time, which the CPU's caches reward.
    """

    moves_pixels_only: bool = False
    each_alone: bool = False

    @abc.abstractmethod
    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        """Return the changed batch; take every draw from ``keys.uniform(name, n)``."""

    def moves_by(self, keys: SampleKeys, height: int, width: int) -> Tensor | None:
        """Say where each place of the result was before, so that masks and points move along.

        Args:
            keys: those that the batch is changed with.
            height: of the photos, in pixels.
            width: of the photos, in pixels.

        Returns:
            float64 (B, 3, 3) as in ``warp``; None where pixels stay, or where ``__call__`` moves
            ``batch.y`` itself.

        Raises:
            DataError: when this transform moves pixels and does not say where.
        """
        if not self.moves_pixels_only:
            return None
        raise DataError(
            f"{type(self).__name__} moves pixels, and masks or points must move with them: give "
            "it moves_by(keys, height, width), which says where each place was before; or leave it "
            "out of tfms."
        )


Transform: TypeAlias = BatchTransform | Callable[[Tensor], Tensor]


def _check_share(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must be in [0, 1], found {value}.")


def _where(chosen: Tensor, change: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Change whole samples: ``chosen`` bool (B,) on the CPU; x (B, C, H, W) is left as it is."""
    if not bool(chosen.any()):
        return x
    if x.device.type == "cpu":
        # a tenth of the time of a masked choice over the whole batch
        out = x.clone()
        for place in chosen.nonzero()[:, 0].tolist():
            out[place : place + 1] = change(x[place : place + 1])
        return out
    return torch.where(chosen.to(x.device)[:, None, None, None], change(x), x)


def _mirrored(chosen: Tensor, side: int, x: Tensor) -> Tensor:
    """Reverse the chosen samples along ``side``, 2 or 3; x (B, C, H, W) is left as it is."""
    rows = x.permute(0, 2, 3, 1)
    photos = x.dtype == torch.uint8 and x.shape[1] == 3
    if not photos or x.device.type != "cpu" or not rows.is_contiguous():
        return _where(chosen, lambda one: one.flip(side), x)
    import cv2  # its flip of photos as they are loaded takes a fortieth of torch's time

    out = rows.clone()
    source, target = rows.numpy(), out.numpy()
    for place in chosen.nonzero()[:, 0].tolist():
        cv2.flip(source[place], 1 if side == 3 else 0, dst=target[place])
    return out.permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class Flip(BatchTransform):
    """Mirror left and right, or with ``vertical`` top and bottom, with probability ``p``."""

    p: float = 0.5
    vertical: bool = False
    moves_pixels_only = True
    each_alone = True

    def __post_init__(self) -> None:
        _check_share("p", self.p)

    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        """Mirror the chosen samples."""
        chosen = keys.uniform("flip_vertical" if self.vertical else "flip")[:, 0] < self.p
        return batch._replace(x=_mirrored(chosen, 2 if self.vertical else 3, batch.x))

    @override
    def moves_by(self, keys: SampleKeys, height: int, width: int) -> Tensor:
        """Return the mirroring of the chosen samples."""
        chosen = keys.uniform("flip_vertical" if self.vertical else "flip")[:, 0] < self.p
        return mirrorings(chosen & (not self.vertical), chosen & self.vertical)


@dataclass(frozen=True, slots=True)
class Dihedral(BatchTransform):
    """One of the eight ways to lay down a square, each as likely: for photos from above.

    Images that are not square are only mirrored, which gives four ways.

    Attributes:
        p: probability of choosing a way at all; one of the eight is the way it was.
    """

    p: float = 1.0
    moves_pixels_only = True
    each_alone = True

    def __post_init__(self) -> None:
        _check_share("p", self.p)

    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        """Lay down each sample anew."""
        x, draws = batch.x, keys.uniform("dihedral", 4)
        chosen = (draws[:, :3] < 0.5) & (draws[:, 3:] < self.p)
        x = _mirrored(chosen[:, 0], 3, x)
        x = _mirrored(chosen[:, 1], 2, x)
        if x.shape[2] == x.shape[3]:
            x = _where(chosen[:, 2], lambda one: one.transpose(2, 3), x)
        return batch._replace(x=x)

    @override
    def moves_by(self, keys: SampleKeys, height: int, width: int) -> Tensor:
        """Return the way that each sample is laid down."""
        draws = keys.uniform("dihedral", 4)
        chosen = (draws[:, :3] < 0.5) & (draws[:, 3:] < self.p)
        turned = chosen[:, 2] & (height == width)
        return mirrorings(chosen[:, 0], chosen[:, 1]) @ exchanges(turned)


@dataclass(frozen=True, slots=True)
class Affine(BatchTransform):
    """Turn, zoom and tilt, in one resampling with reflection beyond the borders.

    Ranges and probabilities are those of fastai v1's ``rotate``, ``rand_zoom`` and
    ``symmetric_warp``; each of the three happens on its own with probability ``p``.

    Attributes:
        max_rotate: degrees, to either side.
        max_zoom: largest magnification, 1 for none; the place that is zoomed at is random.
        max_warp: how far the corners move for a perspective, as a share of half the side.
        p: probability of each.
        min_zoom: smallest magnification; below 1 shows what is reflected beyond the borders.
    """

    max_rotate: float = 10.0
    max_zoom: float = 1.1
    max_warp: float = 0.2
    p: float = 0.75
    min_zoom: float = 1.0
    each_alone = True

    def __post_init__(self) -> None:
        _check_share("p", self.p)
        _check_share("max_warp", self.max_warp)
        if self.max_zoom < 1.0:
            raise ValueError(f"max_zoom must be 1 or more, found {self.max_zoom}.")
        if not 0.0 < self.min_zoom <= self.max_zoom:
            raise ValueError(
                f"min_zoom must be above 0 and at most max_zoom={self.max_zoom}, "
                f"found {self.min_zoom}."
            )

    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        """Resample each sample once."""
        x = batch.x
        maps = self.maps(keys, aspect=x.shape[3] / x.shape[2])
        grid = sampling_grid(maps, x.shape[2], x.shape[3], x.device)
        # resampling in half precision would leave visible steps
        moved = functional.grid_sample(
            x.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )
        return batch._replace(x=moved.to(x.dtype))

    @override
    def moves_by(self, keys: SampleKeys, height: int, width: int) -> Tensor:
        """Return ``maps``."""
        return self.maps(keys, aspect=width / height)

    def maps(self, keys: SampleKeys, *, aspect: float) -> Tensor:
        """Return float64 (B, 3, 3): from places in the result to places in the original."""
        draws = keys.uniform("affine", 11).double()  # (B, 11)
        chosen = draws[:, :3] < self.p
        parts = (
            rotations((2 * draws[:, 3] - 1) * math.radians(self.max_rotate), aspect),
            zooms(
                self.min_zoom + draws[:, 4] * (self.max_zoom - self.min_zoom),
                2 * draws[:, 5:7] - 1,
            ),
            warps((2 * draws[:, 7:11] - 1) * self.max_warp),
        )
        result = identities(len(draws))
        for place, part in enumerate(parts):
            kept = torch.where(chosen[:, place, None, None], part, identities(len(draws)))
            result = result @ kept
        return result


@dataclass(frozen=True, slots=True)
class Lighting(BatchTransform):
    """Change brightness and contrast, each with probability ``p``, without clipping.

    As fastai v1 does, in logit space: brightness adds ``logit(b)`` with b uniform in 0.5 plus or
    minus half of ``max_lighting``, contrast multiplies by c in [1 - m, 1 / (1 - m)], log-uniform.
    """

    max_lighting: float = 0.2
    p: float = 0.75
    each_alone = True

    def __post_init__(self) -> None:
        _check_share("p", self.p)
        if not 0.0 <= self.max_lighting < 1.0:
            raise ValueError(f"max_lighting must be in [0, 1), found {self.max_lighting}.")

    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        """Change the light of each sample."""
        x = batch.x
        added, factor = (part.to(x.device)[:, None, None, None] for part in self.strengths(keys))
        changed = torch.logit(x, eps=1e-6).add_(added).mul_(factor).sigmoid_()
        return batch._replace(x=changed)

    def strengths(self, keys: SampleKeys) -> tuple[Tensor, Tensor]:
        """Return what is added and what is multiplied by, each float32 (B,)."""
        draws = keys.uniform("lighting", 4).double()
        chosen = draws[:, :2] < self.p
        added = torch.logit(0.5 + (draws[:, 2] - 0.5) * self.max_lighting)
        factor = (1 - self.max_lighting) ** (2 * draws[:, 3] - 1)
        added = torch.where(chosen[:, 0], added, torch.zeros_like(added))
        factor = torch.where(chosen[:, 1], factor, torch.ones_like(factor))
        return added.float(), factor.float()


@dataclass(frozen=True, slots=True)
class RandomErasing(BatchTransform):
    """Paint over a random box with the image's own mean colour.

    Zhong et al., 2017, arXiv 1708.04896, algorithm 1. Two deliberate deviations: the colour is
    the image's mean, so that no statistics of the data set are needed, and a box that does not
    fit is cut to the image instead of drawn again.

    Attributes:
        p: probability.
        scale: lowest and highest share of the area.
        ratio: lowest and highest aspect (height / width) of the box.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 10 / 3)
    each_alone = True

    def __post_init__(self) -> None:
        _check_share("p", self.p)
        if not 0.0 <= self.scale[0] <= self.scale[1] <= 1.0:
            raise ValueError(f"scale must be (lowest, highest) in [0, 1], found {self.scale}.")
        if not 0.0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"ratio must be (lowest, highest) above 0, found {self.ratio}.")

    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        """Paint over a box of the chosen samples."""
        x = batch.x
        inside = self.boxes(keys, x.shape[2], x.shape[3]).to(x.device)[:, None]
        return batch._replace(x=torch.where(inside, x.mean((2, 3), keepdim=True), x))

    def boxes(self, keys: SampleKeys, height: int, width: int) -> Tensor:
        """Return bool (B, H, W), True where a sample is painted over."""
        draws = keys.uniform("erasing", 5).double()
        area = self.scale[0] + draws[:, 1] * (self.scale[1] - self.scale[0])
        shape = self.ratio[0] * (self.ratio[1] / self.ratio[0]) ** draws[:, 2]
        box_h = (area * height * width * shape).sqrt().round().clamp(max=height)
        box_w = (area * height * width / shape).sqrt().round().clamp(max=width)
        top = (draws[:, 3] * (height - box_h + 1)).floor()
        left = (draws[:, 4] * (width - box_w + 1)).floor()
        rows, columns = torch.arange(height)[None], torch.arange(width)[None]
        in_rows = (rows >= top[:, None]) & (rows < (top + box_h)[:, None])  # (B, H)
        in_columns = (columns >= left[:, None]) & (columns < (left + box_w)[:, None])
        in_rows &= draws[:, :1] < self.p
        return in_rows[:, :, None] & in_columns[:, None, :]
