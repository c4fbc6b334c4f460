"""An ImageDataBunch without the ways to read files: what it holds, and how it shows itself."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import Dataset
from typing_extensions import override

from learnkit.data.batch import BatchPipeline
from learnkit.data.bunch import DataBunch
from learnkit.data.datasets import (
    dataset_loaders,
    hold_out,
    samples_of,
    split_words,
    warn_if_few,
    weights_of_side,
)
from learnkit.data.geometry import Resize
from learnkit.data.items import Items
from learnkit.data.labels import decide_classes, encode
from learnkit.data.layout import read_test
from learnkit.data.missing_classes import warn_of_missing
from learnkit.data.moving import MovingPoints
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
from learnkit.data.photo_targets import PhotoRows, PhotoTargets
from learnkit.data.samples import Samples, Split
from learnkit.data.sampling import Sampling
from learnkit.data.show import draw_grid
from learnkit.data.sides import Division, Sides, sides_of_rows
from learnkit.data.source import FileSource, ImageSource
from learnkit.data.torch_images import RGBDataset, image_classes, own_size
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.randomness import SampleKeys
from learnkit.tasks import Task
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
        split: Split | None = None,
        sampling: Sampling = None,
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
            split: another way to hold out, see the class.
            sampling: how often each training image comes, see the class.
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
        check_resize(resize)
        names = image_classes(train_ds, classes)

        def samples() -> Samples:
            return samples_of(train_ds, names)

        train, valid = hold_out(train_ds, valid_ds, valid_pct, seed, split=split, samples=samples)
        fitted = own_size(train) if size is None else check_size(size)
        weights = weights_of_side(sampling, train, samples)
        sides = [RGBDataset(part, fitted, resize, len(names)) for part in (train, valid)]
        train_dl, valid_dl = dataset_loaders(
            sides[0],
            sides[1],
            check_batch_size(batch_size, bs),
            check_workers(num_workers),
            seed,
            weights,
        )
        return cls(
            train_dl=train_dl,
            valid_dl=valid_dl,
            classes=names,
            loss_func=loss_func,
            batch_tfms=check_batch_tfms(tfms),
            seed=seed,
            split=split_words(valid_ds, valid_pct, seed, split),
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
        *,
        sampling: Sampling = None,
        sources: tuple[ImageSource, ImageSource] | None = None,
    ) -> Self:
        train, valid = sides.train, sides.valid
        classes = decide_classes(train, valid, given, advice=sides.advice)
        warn_of_missing(train.labels.texts, valid.labels.texts, valid.where)
        labels = [encode(part.labels, classes) for part in (train, valid)]
        if sources is None:
            sources = FileSource(sides.root, train.names), FileSource(sides.root, valid.names)
        held_back = None if test is None else read_test(sides.root, test, classes)
        weights = sides.weights(sampling)
        warn_if_few(len(labels[0]), options.batch_size)
        return cls(
            train_dl=options.loader_of(sources[0], labels[0], train=True, weights=weights),
            valid_dl=options.loader_of(sources[1], labels[1], train=False),
            test_dl=None if held_back is None else options.loader(held_back, train=False),
            classes=classes,
            batch_tfms=options.transforms.batch,
            seed=options.seed,
            size=options.size,
            resize=options.resize,
            split=sides.split,
        )

    @classmethod
    def _of_rows(
        cls,
        root: Path,
        read: PhotoRows,
        options: ImageOptions,
        division: Division,
        sampling: Sampling,
    ) -> Self:
        sides = sides_of_rows(
            root,
            read.rows,
            read.title,
            valid_pct=division.valid_pct,
            stratified=division.stratified and read.targets is None,
            seed=options.seed,
            split=division.split,
            table=division.table,
            are_classes=read.targets is None,
        )
        if read.targets is None:
            return cls._of_files(sides, options, read.classes, sampling=sampling)
        return cls._of_targets(sides, read.targets, options, sampling)

    @classmethod
    def _of_targets(
        cls, sides: Sides, targets: PhotoTargets, options: ImageOptions, sampling: Sampling = None
    ) -> Self:
        """Make a bunch of photos whose labels in ``sides`` are the numbers of their targets."""
        moves = targets.task.moves == "points"
        weights, loaders = sides.weights(sampling), []
        for part in (sides.train, sides.valid):
            items = Items(sides.root, part.names, targets.of(part))
            moving = MovingPoints(items.labels) if moves else None
            train = part is sides.train
            loaders.append(options.loader(items, train=train, moving=moving, weights=weights))
        targets.warn_of_unseen(sides.train, sides.valid)
        warn_if_few(len(sides.train.names), options.batch_size)
        return cls(
            train_dl=loaders[0],
            valid_dl=loaders[1],
            classes=targets.task.classes,
            task=targets.task,
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
        task: Task | None = None,
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
            task=task,
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
        moves = "" if self.task is None else self.task.moves
        pipeline = BatchPipeline(torch.device("cpu"), self.batch_tfms, moves=moves)
        x, y = pipeline.prepare(loaded, keys=keys)
        photos = [self._painted(photo, target) for photo, target in zip(x[:n], y[:n], strict=True)]
        draw_grid(torch.stack(photos), [self._title(target) for target in y[:n]], path=path)

    def _painted(self, photo: Tensor, target: Tensor) -> Tensor:
        return photo if self.task is None else self.task.paint(photo, target)

    def _title(self, target: Tensor) -> str:
        if self.task is not None:
            return self.task.describe(target)
        label = int(target)
        return self.classes[label] if 0 <= label < len(self.classes) else str(label)

    def _lines(self) -> list[str]:
        height, width = self.size
        return [*super()._lines(), f"  size {height} x {width}, resize {self.resize!r}"]
