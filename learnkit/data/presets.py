"""What training does to images at random, as one value, and the presets that are known for it.

Knows no pixels: the crop is done while loading, the rest on batches by ``run_tfms``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from learnkit.data.augment import Affine, Dihedral, Flip, Lighting, Transform
from learnkit.data.geometry import RandomResizedCrop
from learnkit.names import checked_keywords


@dataclass(frozen=True, slots=True)
class Transforms:
    """How training images are varied: a random crop while loading, the rest on the device.

    ``batch`` is applied in the order given. Besides ``BatchTransform`` any callable from x to x
    will do, such as an ``nn.Module``. The transforms of ``torchvision.transforms`` and its ``v2``
    are applied to each sample, with draws of its own.
    """

    crop: RandomResizedCrop | None = None
    batch: tuple[Transform, ...] = ()


def default_transforms() -> Transforms:
    """Return what training does unless told otherwise: random resized crop and mirroring."""
    return Transforms(RandomResizedCrop(), (Flip(),))


@checked_keywords
def get_transforms(
    *,
    do_flip: bool = True,
    flip_vert: bool = False,
    max_rotate: float = 10.0,
    max_zoom: float = 1.1,
    max_lighting: float = 0.2,
    max_warp: float = 0.2,
    p_affine: float = 0.75,
    p_lighting: float = 0.75,
    min_scale: float = 0.35,
) -> Transforms:
    """Return the preset of fastai v1's ``get_transforms``, with its values.

    Args:
        do_flip: mirror at random.
        flip_vert: with ``do_flip``, use all eight ways to lay down the image.
        max_rotate: degrees to either side.
        max_zoom: largest magnification.
        max_lighting: strength of brightness and contrast in [0, 1).
        max_warp: strength of the perspective.
        p_affine: probability of each of rotation, zoom and perspective.
        p_lighting: probability of each of brightness and contrast.
        min_scale: smallest share of the area that the random crop keeps; 1 keeps nearly all.
    """
    flip = (Dihedral() if flip_vert else Flip()) if do_flip else None
    affine = Affine(max_rotate, max_zoom, max_warp, p_affine)
    batch = _needed(flip, affine, Lighting(max_lighting, p_lighting))
    return Transforms(RandomResizedCrop(min_scale), batch)


@checked_keywords
def aug_transforms(
    *,
    mult: float = 1.0,
    do_flip: bool = True,
    flip_vert: bool = False,
    max_rotate: float = 10.0,
    min_zoom: float = 1.0,
    max_zoom: float = 1.1,
    max_lighting: float = 0.2,
    max_warp: float = 0.2,
    p_affine: float = 0.75,
    p_lighting: float = 0.75,
    min_scale: float = 1.0,
    xtra_tfms: Iterable[Transform] = (),
) -> Transforms:
    """Return the preset of fastai v2's ``aug_transforms``, with its values.

    Unlike `get_transforms` it takes no random crop: photos are fitted as for validation, unless
    ``min_scale`` says otherwise. Three things differ from fastai: the crop comes first, from the
    photo as it is on disk, where fastai's comes last; one sampling does all of rotation, zoom and
    perspective; and the perspective is that of fastai v1, which moves each side on its own.

    Args:
        mult: multiplies ``max_rotate``, ``max_lighting`` and ``max_warp``.
        do_flip: mirror at random.
        flip_vert: with ``do_flip``, lay down half of the images in one of all eight ways instead.
        max_rotate: degrees to either side.
        min_zoom: smallest magnification.
        max_zoom: largest magnification.
        max_lighting: strength of brightness and contrast; in [0, 1) after ``mult``.
        max_warp: strength of the perspective; in [0, 1] after ``mult``.
        p_affine: probability of each of rotation, zoom and perspective.
        p_lighting: probability of each of brightness and contrast.
        min_scale: smallest share of the area that a random crop of the target's aspect keeps; 1
            for no such crop.
        xtra_tfms: transforms of your own, which run last.
    """
    flip = (Dihedral(0.5) if flip_vert else Flip()) if do_flip else None
    affine = Affine(max_rotate * mult, max_zoom, max_warp * mult, p_affine, min_zoom)
    batch = _needed(flip, affine, Lighting(max_lighting * mult, p_lighting))
    crop = None if min_scale == 1 else RandomResizedCrop(min_scale, ratio=(1.0, 1.0))
    return Transforms(crop, (*batch, *xtra_tfms))


def _needed(flip: Transform | None, affine: Affine, lighting: Lighting) -> tuple[Transform, ...]:
    """Leave out what would change nothing."""
    batch: list[Transform] = [] if flip is None else [flip]
    zoomed = affine.min_zoom < 1 or affine.max_zoom > 1
    if affine.p > 0 and (affine.max_rotate or zoomed or affine.max_warp):
        batch.append(affine)
    if lighting.p > 0 and lighting.max_lighting:
        batch.append(lighting)
    return tuple(batch)
