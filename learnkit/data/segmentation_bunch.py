"""Photos with a class for each pixel, as a DataBunch."""

# ruff: noqa: D417 - the options that both constructors share are described once, on the class

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from typing_extensions import override

from learnkit.data.batch import BatchPipeline
from learnkit.data.caches import CacheMode
from learnkit.data.datasets import warn_if_few
from learnkit.data.geometry import Resize
from learnkit.data.image_base import ImageBunchBase
from learnkit.data.items import Items
from learnkit.data.loader import ImageLoader
from learnkit.data.mask_codes import MaskCodes
from learnkit.data.mask_pairs import (
    Held,
    Pairs,
    check_numbers,
    hold_out_pairs,
    numbers_in,
    pairs_of_folders,
    pairs_of_func,
)
from learnkit.data.moving_masks import MovingMasks
from learnkit.data.options import ImageOptions, Size, Tfms
from learnkit.data.samples import Split
from learnkit.data.show import draw_grid
from learnkit.data.skipped import OnError
from learnkit.data.source import FileSource
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import SampleKeys
from learnkit.tasks.segmentation import IGNORED, Segmentation

if TYPE_CHECKING:
    from learnkit.data.doctor.report import DataReport

PathText = str | PathLike[str]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SegmentationDataBunch(ImageBunchBase):
    """Photos and masks: one picture for each photo, whose pixels are numbers of classes.

    A mask is a PNG (TIFF, BMP, GIF) with a palette, grey, 1 bit or 16 bits, in the size of its
    upright photo or in a smaller one of its aspect. It is cropped, resized, mirrored and turned as
    its photo is, by taking the nearest pixel, so that no number comes up that was not there. Loaded
    masks are uint8 (B, H, W); a learner's device has them as int64.

    Both ``from_*`` take these options.

    Args:
        classes: names of the numbers 0, 1, 2, ... in the masks. Without ``classes`` and ``values``
            all masks are read once, and each number that they hold is a class named after it.
        values: the name of each number, where they do not run from 0: ``{1: "pet", 2:
            "background", 3: "border"}``. Two numbers may have one name, and are one class.
        ignore: a number, or several, whose pixels loss and metrics leave out.
        valid: what is held out: photos below a folder of this name, or those for which a function
            of the photo's path returns True.
        valid_pct: the fraction held out at random where ``valid`` is not given; 0.2 by default.
        split: another way to hold out: a splitter, a function of yours, or the places ``(train,
            valid)``; ``grouped_splitter("^(.*)_")`` keeps the frames of one film on one side.
        size: pixels per side, or (height, width).
        resize: how photos are fitted where there is no random crop: ``"squish"``, so that a mask
            covers the whole photo, ``"pad"`` or ``"crop"``; see ``mask_on_photo``.
        batch_size: samples per batch; ``bs`` is another name.
        tfms: as in `ImageDataBunch`. Callables of your own get photos alone, so they must not move
            pixels; a `BatchTransform` that does says so by its ``moves_by``.
        num_workers: decoding threads; the result does not depend on it.
        seed: every random choice depends on it: the split, the order, crops and transforms.
        cache: as in `ImageDataBunch`; masks are kept in memory as far as they fit.
        errors: as in `ImageDataBunch`, for photos and for masks: one that is missing, damaged, of
            another aspect than its photo or with a number that is no class.
    """

    @classmethod
    @checked_keywords
    def from_folders(
        cls,
        path: PathText,
        images: str = "images",
        masks: str = "masks",
        *,
        classes: Sequence[object] | None = None,
        values: Mapping[int, object] | None = None,
        ignore: int | Iterable[int] | None = None,
        valid: Held = None,
        valid_pct: float | None = None,
        split: Split | None = None,
        size: Size = 224,
        resize: Resize = "squish",
        batch_size: int = 16,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Read ``path/images/NAME.jpg`` with ``path/masks/NAME.png``.

        Args:
            path: the folder.
            images: the folder of photos, in ``path``.
            masks: the folder of masks, in ``path``.

        Raises:
            DataError: naming the photos without a mask, the mask and the numbers that are no class.

        Example:
            ``data = SegmentationDataBunch.from_folders("pets", values={1: "pet", 2: "other"})``
        """
        options = ImageOptions.checked(
            size, resize, _own(batch_size, bs), bs, tfms, num_workers, seed, cache, errors
        )
        codes = MaskCodes.of(classes, values, ignore)
        pairs = pairs_of_folders(path, images, masks)
        return cls._of_pairs(pairs, codes, ignore, options, valid, valid_pct, split)

    @classmethod
    @checked_keywords
    def from_label_func(
        cls,
        path: PathText,
        files: Sequence[PathText] | None,
        label_func: Callable[[Path], PathText],
        *,
        classes: Sequence[object] | None = None,
        values: Mapping[int, object] | None = None,
        ignore: int | Iterable[int] | None = None,
        valid: Held = None,
        valid_pct: float | None = None,
        split: Split | None = None,
        size: Size = 224,
        resize: Resize = "squish",
        batch_size: int = 16,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Find the mask of each photo by a function.

        Args:
            path: the folder that relative names start from, of photos and of masks.
            files: the photos; None takes every picture below ``path`` that is no photo's mask.
            label_func: gets a photo's path and returns that of its mask.

        Raises:
            DataError: naming the photo for which the function fails, or a mask that does not exist.

        Example:
            ``data = SegmentationDataBunch.from_label_func("cams", files, mask_of, classes=codes)``
        """
        options = ImageOptions.checked(
            size, resize, _own(batch_size, bs), bs, tfms, num_workers, seed, cache, errors
        )
        codes = MaskCodes.of(classes, values, ignore)
        pairs = pairs_of_func(path, files, label_func)
        return cls._of_pairs(pairs, codes, ignore, options, valid, valid_pct, split)

    @classmethod
    def _of_pairs(
        cls,
        pairs: Pairs,
        codes: MaskCodes | None,
        ignore: int | Iterable[int] | None,
        options: ImageOptions,
        valid: Held,
        valid_pct: float | None,
        split: Split | None,
    ) -> Self:
        kept, held, words = hold_out_pairs(pairs, valid, valid_pct, options.seed, split)
        if codes is None:
            codes = MaskCodes.found(numbers_in(pairs), ignore)
        else:
            check_numbers(pairs, codes)
        warn_if_few(len(kept.photos), options.batch_size)
        return cls(
            train_dl=_loader(kept, codes, options, train=True),
            valid_dl=_loader(held, codes, options, train=False),
            classes=codes.classes,
            batch_tfms=options.transforms.batch,
            seed=options.seed,
            size=options.size,
            resize=options.resize,
            split=words,
            task=Segmentation(
                classes=codes.classes, ignore_index=IGNORED if codes.ignore else None
            ),
        )

    @override
    @checked_keywords
    def show_batch(self, n: int = 9, *, path: PathText | None = None) -> None:
        """Draw the first training photos with their masks, random changes included.

        Args:
            n: at most how many; there are never more than in one batch.
            path: a file to save the picture to; None shows it on the screen or in the notebook.

        Raises:
            DataError: when ``n`` is below 1.
            MissingExtraError: when matplotlib is not installed.
        """
        if n < 1:
            raise DataError(f"show_batch draws at least 1 image: found n={n}.")
        loaded = next(self.train_dl.batches(0))
        keys = SampleKeys(self.seed, 0, loaded.indices)
        pipeline = BatchPipeline(torch.device("cpu"), self.batch_tfms, moves="mask")
        x, y = pipeline.prepare(loaded, keys=keys)
        task = self.task or Segmentation(classes=self.classes)
        drawn = [task.paint(photo, mask) for photo, mask in zip(x[:n], y[:n], strict=True)]
        draw_grid(torch.stack(drawn), [""] * len(drawn), legend=self.classes, path=path)

    @override
    def _check(self, show: bool, **options: Any) -> "DataReport":
        # the photos alone: none of them has a class of its own
        return super(SegmentationDataBunch, replace(self, classes=()))._check(show, **options)


def _own(batch_size: int, bs: int | None) -> int:
    """Return what the check of two names wants where the default is not its own."""
    return 64 if bs is not None and batch_size == 16 else batch_size


def _loader(pairs: Pairs, codes: MaskCodes, options: ImageOptions, *, train: bool) -> ImageLoader:
    items = Items(pairs.root, pairs.photos, np.zeros(len(pairs.photos), np.int64))
    masks = MovingMasks(FileSource(pairs.root, pairs.masks), codes)
    return options.loader(items, train=train, moving=masks)
