"""An ImageDataBunch without the ways to read files: what it holds, and how it shows itself."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import torch
from torch.utils.data import Dataset
from typing_extensions import override

from learnkit.data.batch import BatchPipeline
from learnkit.data.bunch import DataBunch
from learnkit.data.datasets import dataset_loaders, hold_out, split_words, warn_if_few
from learnkit.data.geometry import Resize
from learnkit.data.items import Items
from learnkit.data.labels import decide_classes, encode
from learnkit.data.layout import read_test
from learnkit.data.options import (
    ImageOptions,
    Size,
    Tfm,
    Tfms,
    check_batch_size,
    check_batch_tfms,
    check_resize,
    check_size,
    check_workers,
)
from learnkit.data.show import draw_grid
from learnkit.data.sides import Sides
from learnkit.data.torch_images import RGBDataset, image_classes, own_size
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import SampleKeys
from learnkit.types import BatchLoader, LossFn

if TYPE_CHECKING:
    from learnkit.data.doctor.report import DataReport

PathLike: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ImageBunchBase(DataBunch):
    """A DataBunch of RGB images of one size; use ``ImageDataBunch``.

    Attributes:
        size: (height, width) in pixels.
        resize: how images are fitted in validation and prediction.
    """

    size: tuple[int, int]
    resize: Resize = "crop"

    @classmethod
    @checked_keywords
    def from_dataset(
        cls,
        train_ds: Dataset[Any],
        valid_ds: Dataset[Any] | None = None,
        *,
        valid_pct: float | None = None,
        classes: Sequence[object] | None = None,
        loss_func: LossFn | None = None,
        tfms: Tfms = None,
        batch_size: int = 64,
        bs: int | None = None,
        num_workers: int | None = None,
        seed: int = 42,
        size: Size | None = None,
        resize: Resize = "crop",
    ) -> Self:
        """Load from map-style torch datasets of (image, whole number).

        PIL images, arrays and uint8 tensors are resized here. Float tensors are taken as they are.
        Random crops belong into the dataset; other changes may be given as ``tfms``.

        Args:
            train_ds: what is trained on, and split when there is no ``valid_ds``.
            valid_ds: what is validated on.
            valid_pct: the fraction held out of ``train_ds``; 0.2 where there is no ``valid_ds``.
            classes: names of the labels; by default the dataset's own ``classes``, or its
                ``targets`` as numbers.
            loss_func: the loss; None leaves it to the learner.
            tfms: see the class; none by default.
            batch_size: samples per batch; ``bs`` is another name.
            bs: see ``batch_size``.
            num_workers: see ``DatasetLoader``.
            seed: every random choice depends on it.
            size: pixels per side, or (height, width); None takes a tensor's own, 224 otherwise.
            resize: how images are fitted.

        Raises:
            DataError: when the classes are unknown, or an image or label cannot be used.
        """
        train, valid = hold_out(train_ds, valid_ds, valid_pct, seed)
        check_resize(resize)
        fitted = own_size(train) if size is None else check_size(size)
        names = image_classes(train_ds, classes)
        sides = [RGBDataset(part, fitted, resize, len(names)) for part in (train, valid)]
        train_dl, valid_dl = dataset_loaders(
            sides[0], sides[1], check_batch_size(batch_size, bs), check_workers(num_workers), seed
        )
        return cls(
            train_dl=train_dl,
            valid_dl=valid_dl,
            classes=names,
            loss_func=loss_func,
            batch_tfms=check_batch_tfms(tfms),
            seed=seed,
            split=split_words(valid_ds, valid_pct, seed),
            size=fitted,
            resize=resize,
        )

    @classmethod
    def _of_files(
        cls,
        sides: Sides,
        options: ImageOptions,
        given: Sequence[object] | None,
        test: str | None = None,
    ) -> Self:
        classes = decide_classes(sides.train, sides.valid, given, advice=sides.advice)
        items = [
            Items(sides.root, part.names, encode(part.labels, classes))
            for part in (sides.train, sides.valid)
        ]
        held_back = None if test is None else read_test(sides.root, test, classes)
        warn_if_few(len(items[0]), options.batch_size)
        return cls(
            train_dl=options.loader(items[0], train=True),
            valid_dl=options.loader(items[1], train=False),
            test_dl=None if held_back is None else options.loader(held_back, train=False),
            classes=classes,
            batch_tfms=options.transforms.batch,
            seed=options.seed,
            size=options.size,
            resize=options.resize,
            split=sides.split,
        )

    @classmethod
    def _of(
        cls,
        *,
        train_dl: BatchLoader,
        valid_dl: BatchLoader | None,
        classes: tuple[str, ...],
        loss_func: LossFn | None,
        batch_tfms: tuple[Tfm, ...],
        seed: int,
        test_dl: BatchLoader | None = None,
        split: str = "",
    ) -> Self:
        shape = tuple(next(iter(train_dl)).x.shape)
        if len(shape) != 4:
            raise DataError(
                f"{cls.__name__} needs batches of images (B, C, H, W): found shape {shape}. "
                "DataBunch takes batches of anything."
            )
        return cls(
            train_dl=train_dl,
            valid_dl=valid_dl,
            test_dl=test_dl,
            classes=classes,
            loss_func=loss_func,
            batch_tfms=batch_tfms,
            seed=seed,
            split=split,
            size=(shape[2], shape[3]),
        )

    @override
    @checked_keywords
    def check(
        self,
        *,
        near: int | None = 64,
        min_side: int = 32,
        max_aspect: float = 5.0,
        max_imbalance: float = 10.0,
        show: bool = True,
    ) -> "DataReport":
        """Say what is wrong with the images: print a table, and return it as values.

        Reads every file once. Finds images that training and validation share, byte for byte or
        nearly, images under two labels, files that cannot be read or are named as another format,
        tiny, long, blank and turned ones, and classes that are missing or rare. Images that are no
        files are checked as batches: see ``DataBunch.check``.

        Near duplicates are looked for where the extra ``doctor`` is installed; a note in the report
        says so where it is not.

        Args:
            near: bits of 256 in which the perceptual hashes of near duplicates may differ; None
                does not look for any.
            min_side: pixels; an image whose short side has fewer is tiny.
            max_aspect: an image whose long side is more times the short one is extreme.
            max_imbalance: a class may have so many times the images of another.
            show: whether the table is printed.

        Raises:
            DataError: for an option that cannot be used.

        Example:
            ``report = data.check()``
        """
        return self._check(
            show,
            near=near,
            min_side=min_side,
            max_aspect=max_aspect,
            max_imbalance=max_imbalance,
        )

    @checked_keywords
    def show_batch(self, n: int = 9, *, path: PathLike | None = None) -> None:
        """Draw the first training images as the model gets them, random changes included.

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
        pipeline = BatchPipeline(torch.device("cpu"), self.batch_tfms)
        x, y = pipeline.prepare(loaded, keys=keys)
        draw_grid(x[:n], [self._title(int(label)) for label in y[:n]], path=path)

    def _title(self, label: int) -> str:
        return self.classes[label] if 0 <= label < len(self.classes) else str(label)

    def _lines(self) -> list[str]:
        height, width = self.size
        return [*super()._lines(), f"  size {height} x {width}, resize {self.resize!r}"]
