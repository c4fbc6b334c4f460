"""torchvision's transforms where masks or points lie on the photos.

Those that only change colours leave targets alone. Those of ``v2`` that move pixels are given photo
and mask together, as its ``tv_tensors``; anything else is refused, since targets would stay behind.
"""

from typing import Any, Final

import torch

from learnkit.data.torchvision_tfms import apply_to_samples, name_of, parts_of
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys
from learnkit.signals import import_whole
from learnkit.types import Batch, Moves

_CONTAINERS: Final = frozenset({"Compose", "RandomApply", "RandomChoice", "RandomOrder"})
_COLOURS: Final = frozenset(
    {"ColorJitter", "ConvertImageDtype", "GaussianBlur", "GaussianNoise", "Grayscale", "Identity"}
    | {"JPEG", "Normalize", "RandomAdjustSharpness", "RandomAutocontrast"}
    | {"RandomChannelPermutation", "RandomEqualize", "RandomErasing", "RandomGrayscale"}
    | {"RandomInvert", "RandomPhotometricDistort", "RandomPosterize", "RandomSolarize"}
    | {"ToDtype", "ToPureTensor"}
)


def apply_with_targets(
    transform: Any, batch: Batch, keys: SampleKeys, place: int, moves: Moves
) -> Batch:
    """Return the batch with each sample and its target changed together.

    Args:
        transform: one of torchvision's.
        batch: photos with masks (B, H, W) or (B, 1, H, W), or points.
        keys: of the samples.
        place: of the transform in the list.
        moves: ``"mask"`` or ``"points"``.

    Raises:
        DataError: for one that moves pixels and cannot take the targets along.
    """
    moving = [name_of(part) for part in parts_of(transform) if not _leaves_pixels(part)]
    if not moving:
        return batch._replace(x=apply_to_samples(transform, batch.x, keys, place))
    if moves == "points" or not type(transform).__module__.startswith("torchvision.transforms.v2"):
        mine = "Take Flip, Dihedral, Affine or get_transforms()"
        other = mine if moves == "points" else "Take it from torchvision.transforms.v2"
        raise DataError(
            f"{moving[0]} of {type(transform).__module__} may move pixels, and cannot take the "
            f"{'points' if moves == 'points' else 'masks'} along. {other}."
        )
    tensors = import_whole("torchvision.tv_tensors")
    masks: list[torch.Tensor] = []

    def both(sample: torch.Tensor) -> object:
        mask = batch.y[len(masks)].clone()
        image, changed = transform(tensors.Image(sample), tensors.Mask(mask))
        masks.append(changed.as_subclass(torch.Tensor))
        return image

    x = apply_to_samples(transform, batch.x, keys, place, call=both)
    return batch._replace(x=x, y=torch.stack(masks))


def _leaves_pixels(part: object) -> bool:
    home = type(part).__module__.startswith("torchvision.transforms")
    return home and name_of(part) in _COLOURS | _CONTAINERS
