"""The options that all ways to make an ImageDataBunch share, checked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy.typing as npt
from torch import Tensor

from learnkit.data.augment import BatchTransform
from learnkit.data.caches import MODES, CacheMode, Caches
from learnkit.data.geometry import RandomResizedCrop, Resize
from learnkit.data.items import Items
from learnkit.data.loader import ImageLoader
from learnkit.data.moving import Moving
from learnkit.data.presets import Transforms, default_transforms
from learnkit.data.skipped import OnError, allowed_share
from learnkit.data.source import ImageSource
from learnkit.data.torchvision_tfms import is_torchvision, mixing_part, name_of, parts_of
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.randomness import FloatArray

Size: TypeAlias = int | tuple[int, int]
Tfm: TypeAlias = BatchTransform | Callable[[Tensor], Tensor]
Tfms: TypeAlias = (
    Transforms
    | RandomResizedCrop
    | Tfm
    | Iterable[Tfm | RandomResizedCrop]
    | Literal["default"]
    | None
)


def check_size(size: Size) -> tuple[int, int]:
    """Return (H, W) in pixels; an int stands for a square.

    Raises:
        DataError: unless both are whole numbers of at least 1.
    """
    pair = (size, size) if isinstance(size, int) else tuple(size) if _is_pair(size) else ()
    if len(pair) == 2 and all(isinstance(n, int) and n >= 1 for n in pair) and size is not True:
        return pair[0], pair[1]
    raise DataError(
        f"size must be the pixels per side or a pair (height, width), each at least 1: "
        f"found {size!r}."
    )


def _is_pair(size: object) -> bool:
    return isinstance(size, tuple | list) and len(size) == 2


def check_batch_size(batch_size: int, bs: int | None) -> int:
    """Return the batch size; ``bs`` is its other name.

    Raises:
        DataError: unless it is a whole number of at least 1, or when both names say different.
    """
    if bs is not None and batch_size not in (64, bs):
        raise DataError(
            f"batch_size={batch_size} and bs={bs} are two names of one option: give one of them."
        )
    chosen = batch_size if bs is None else bs
    if isinstance(chosen, bool) or not isinstance(chosen, int) or chosen < 1:
        raise DataError(f"batch_size must be a whole number of at least 1: found {chosen!r}.")
    return chosen


def check_workers(num_workers: int | None) -> int | None:
    """Return ``num_workers``; raise DataError unless it is None or a whole number from 0 on."""
    if num_workers is None or (isinstance(num_workers, int) and num_workers >= 0):
        return num_workers
    raise DataError(
        f"num_workers must be a whole number of at least 0, or None: found {num_workers!r}."
    )


def check_transforms(tfms: Tfms) -> Transforms:
    """Return the transforms of training in one form.

    A RandomResizedCrop may stand first in a list; everything else runs on batches, as given, or
    on their samples, if it is torchvision's.

    Raises:
        DataError: for something that cannot be called, a crop at a later place, or one of
            torchvision's transforms that mixes labels.
    """
    if isinstance(tfms, Transforms):
        for place, transform in enumerate(tfms.batch):
            _check_transform(transform, place)
        return tfms
    if isinstance(tfms, str) and tfms == "default":
        return default_transforms()
    if callable(tfms) or isinstance(tfms, RandomResizedCrop):
        given: list[Any] = [tfms]
    elif tfms is None:
        given = []
    else:
        given = _listed(tfms)
    crop = given.pop(0) if given and isinstance(given[0], RandomResizedCrop) else None
    for place, transform in enumerate(given):
        _check_transform(transform, place + (crop is not None))
    return Transforms(crop=crop, batch=tuple(given))


def _check_transform(transform: Any, place: int) -> None:
    if isinstance(transform, RandomResizedCrop):
        raise DataError("RandomResizedCrop must be the first of tfms: it runs while loading.")
    if isinstance(transform, type) or not callable(transform):
        shown = transform.__name__ if isinstance(transform, type) else repr(transform)
        hint = f" Did you mean {shown}()?" if isinstance(transform, type) else ""
        raise DataError(f"tfms[{place}] is no transform: {shown}.{hint}")
    if not is_torchvision(transform):
        return
    if mixing := mixing_part(transform):
        raise DataError(
            f"tfms[{place}] has {mixing}, which mixes samples with their labels: tfms change one "
            "sample at a time, and no labels. Mix in the collate_fn of a DataLoader, and give "
            "that to DataBunch.from_dls."
        )
    if any(name_of(part) == "Normalize" for part in parts_of(transform)):
        warn_user(
            f"tfms[{place}] has Normalize, but tfms change training batches alone: validation and "
            "prediction will see other numbers. Leave it out; cnn_learner normalises by the "
            "backbone's own mean and std, Learner by normalize=Normalize(mean, std)."
        )


def _listed(tfms: object) -> list[Any]:
    if isinstance(tfms, str) or not isinstance(tfms, Iterable):
        raise DataError(
            "tfms must be 'default', None, get_transforms() or a list of transforms: "
            f"found {tfms!r}."
        )
    return list(tfms)


def check_batch_tfms(tfms: Tfms) -> tuple[Tfm, ...]:
    """Return transforms for loaders that cannot crop: batches come from the user's own code.

    Raises:
        DataError: see ``check_transforms``; or when a random crop is among them.
    """
    checked = check_transforms(tfms)
    if checked.crop is not None:
        raise DataError(
            "A random crop runs while image files are loaded, which is not done here: crop in the "
            "dataset, and give the other transforms as tfms=get_transforms(...).batch."
        )
    return checked.batch


def check_resize(resize: str) -> None:
    """Raise DataError unless ``resize`` is a way to fit an image."""
    if resize not in get_args(Resize):
        raise DataError(
            f"resize must be one of {', '.join(map(repr, get_args(Resize)))}: found {resize!r}."
            f"{did_you_mean(str(resize), get_args(Resize))}"
        )


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """How image files become batches; all values are checked on making one.

    Attributes:
        size: (H, W) in pixels.
        resize: how an image is fitted where there is no random crop.
        batch_size: samples per batch.
        transforms: random changes of training.
        num_workers: decoding threads; None leaves it to the loader.
        seed: of order, crops, transforms and the split.
        cache: where decoded images are kept; one budget for all loaders.
        errors: what to do with images that cannot be read.
    """

    size: tuple[int, int]
    resize: Resize
    batch_size: int
    transforms: Transforms
    num_workers: int | None
    seed: int
    cache: Caches = field(repr=False)
    errors: OnError = "skip"

    @classmethod
    def checked(
        cls,
        size: Size,
        resize: Resize,
        batch_size: int,
        bs: int | None,
        tfms: Tfms,
        num_workers: int | None,
        seed: int,
        cache: CacheMode,
        errors: OnError,
    ) -> "ImageOptions":
        """Check what the user gave.

        Raises:
            DataError: for a value that cannot be used.
        """
        check_resize(resize)
        if cache not in MODES:
            hint = did_you_mean(str(cache), [mode for mode in MODES if mode])
            raise DataError(f"cache must be 'auto', 'ram', 'disk' or None: found {cache!r}.{hint}")
        allowed_share(errors)
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise DataError(f"seed must be a whole number: found {seed!r}.")
        return cls(
            size=check_size(size),
            resize=resize,
            batch_size=check_batch_size(batch_size, bs),
            transforms=check_transforms(tfms),
            num_workers=check_workers(num_workers),
            seed=seed,
            cache=Caches(cache),
            errors=errors,
        )

    def loader(
        self,
        items: Items,
        *,
        train: bool,
        moving: Moving | None = None,
        weights: FloatArray | None = None,
    ) -> ImageLoader:
        """Return a loader of ``items``; random order and crops are for training alone."""
        return self.loader_of(
            items.source(), items.labels, train=train, moving=moving, weights=weights
        )

    def loader_of(
        self,
        source: ImageSource,
        labels: npt.NDArray[Any],
        *,
        train: bool,
        moving: Moving | None = None,
        weights: FloatArray | None = None,
    ) -> ImageLoader:
        """Return a loader of any images; random order, crops and draws are for training alone."""
        return ImageLoader(
            source,
            labels,
            batch_size=self.batch_size,
            size=self.size,
            resize=self.resize,
            crop=self.transforms.crop if train else None,
            shuffle=train,
            seed=self.seed,
            num_workers=self.num_workers,
            cache=self.cache,
            errors=self.errors,
            weights=weights if train else None,
            moving=moving,
        )
