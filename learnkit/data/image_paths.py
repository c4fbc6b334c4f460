"""Images whose labels come from their paths, or from a Hugging Face dataset, as a DataBunch."""

# ruff: noqa: D417 - the options that all constructors share are described on ImageDataBunch

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from learnkit.data.caches import CacheMode
from learnkit.data.geometry import Resize
from learnkit.data.image_base import ImageBunchBase, PathLike
from learnkit.data.labels import label_by_func, label_by_regex
from learnkit.data.options import ImageOptions, Size, Tfms
from learnkit.data.photo_targets import Answers, PhotoTask, check_task
from learnkit.data.samples import Split
from learnkit.data.sampling import Sampling
from learnkit.data.sides import Division, sides_of_paths
from learnkit.data.skipped import OnError
from learnkit.names import checked_keywords

if TYPE_CHECKING:  # most photos are files
    from learnkit.data.hf import HFDataset


class Asked(NamedTuple):
    """A function of the user's that knows the target of a file.

    Attributes:
        func: gets the name or the path.
        of: which.
        task: what it returns.
        classes: the user's ``classes=``.
    """

    func: Callable[[Any], object]
    of: Literal["name", "path"]
    task: PhotoTask
    classes: Sequence[object] | None

    def labeller(self) -> Callable[[Path], str]:
        """Return what labels a path: by its class, or by the number of an answer."""
        if self.task != "classification":
            return Answers(self.func, of=self.of)
        from learnkit.data.labellers import label_by_path

        return label_by_func(self.func) if self.of == "name" else label_by_path(self.func)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ImagePathBunch(ImageBunchBase):
    """A DataBunch of RGB images of one size; use ``ImageDataBunch``."""

    @classmethod
    @checked_keywords
    def from_name_re(
        cls,
        path: PathLike,
        files: Sequence[PathLike] | None,
        pattern: str | re.Pattern[str],
        *,
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        size: Size = 224,
        resize: Resize = "crop",
        batch_size: int = 64,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Find the label in the file's name: the first group of ``pattern``.

        Args:
            path: the folder that relative file names start from.
            files: the images; None takes all below ``path``.
            pattern: a regular expression such as ``"^(.*)_[0-9]+"``; it is searched in the name,
                and if it is not found there in the whole path.

        Raises:
            DataError: naming the file that does not match.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        label = label_by_regex(pattern)
        sides = sides_of_paths(
            path, files, label, valid_pct=valid_pct, stratified=stratified, seed=seed, split=split
        )
        return cls._of_files(sides, options, classes, sampling=sampling)

    @classmethod
    @checked_keywords
    def from_name_func(
        cls,
        path: PathLike,
        files: Sequence[PathLike] | None,
        label_func: Callable[[str], object],
        *,
        task: PhotoTask = "classification",
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        size: Size = 224,
        resize: Resize = "crop",
        batch_size: int = 64,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Find the label from the file's name by a function.

        Args:
            path: the folder that relative file names start from.
            files: the images; None takes all below ``path``.
            label_func: gets the file's name, ``"pug_12.jpg"``, and returns its label; or a list of
                labels, a value or values, as ``task`` says.
            task: what it returns, see the class.

        Raises:
            DataError: naming the file for which the function fails or returns nothing.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        division = Division(valid_pct, stratified, split)
        asked = Asked(label_func, "name", task, classes)
        return cls._of_answers(path, files, asked, options, division, sampling)

    @classmethod
    @checked_keywords
    def from_path_func(
        cls,
        path: PathLike,
        files: Sequence[PathLike] | None,
        label_func: Callable[[Path], object],
        *,
        task: PhotoTask = "classification",
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        size: Size = 224,
        resize: Resize = "crop",
        batch_size: int = 64,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Find the label from the file's path by a function.

        Args:
            path: the folder that relative file names start from.
            files: the images; None takes all below ``path``.
            label_func: gets the file's ``Path``, ``path`` included, and returns its label, as
                ``lambda file: file.parent.name`` does; or a list of labels, a value or values, as
                ``task`` says.
            task: what it returns, see the class.

        Raises:
            DataError: naming the file for which the function fails or returns nothing.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        division = Division(valid_pct, stratified, split)
        asked = Asked(label_func, "path", task, classes)
        return cls._of_answers(path, files, asked, options, division, sampling)

    @classmethod
    @checked_keywords
    def from_hf(  # type: ignore[override]  # of images, where the base's is of numbers
        cls,
        dataset: "HFDataset",
        *,
        image_col: str | None = None,
        label_col: str | None = None,
        train: str | None = None,
        valid: str | None = None,
        valid_pct: float | None = None,
        stratified: bool = True,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        size: Size = 224,
        resize: Resize = "crop",
        batch_size: int = 64,
        bs: int | None = None,
        tfms: Tfms = "default",
        num_workers: int | None = None,
        seed: int = 42,
        cache: CacheMode = "auto",
        errors: OnError = "skip",
    ) -> Self:
        """Read a ``Dataset`` or ``DatasetDict`` of Hugging Face ``datasets`` (the extra ``hf``).

        Images stay in the dataset until they are needed, and are decoded here, in threads.

        Args:
            dataset: has a column of images and one of labels.
            image_col: by default the only column with the feature ``Image``.
            label_col: by default the only ``ClassLabel``, or a column called "label".
            train: the split to train on; by default ``"train"``, or the only one.
            valid: the split to validate on; by default ``"validation"`` and its like. Where there
                is none, ``valid_pct`` is held out. A test split is taken only if it is named.
            classes: by default the names of the ``ClassLabel``, in their order.

        Raises:
            DataError: for a missing split or column, naming the nearest; for a missing label.
        """
        options = ImageOptions.checked(
            size, resize, batch_size, bs, tfms, num_workers, seed, cache, errors
        )
        from learnkit.data.hf import hf_parts
        from learnkit.data.hf_photos import hf_photos

        parts = hf_parts(dataset, train=train, valid=valid)
        division = Division(valid_pct, stratified, split)
        found = hf_photos(parts, image_col, label_col, division, seed=seed)
        names = found.classes if classes is None else classes
        return cls._of_files(found.sides, options, names, sampling=sampling, sources=found.sources)

    @classmethod
    def _of_answers(
        cls,
        path: PathLike,
        files: Sequence[PathLike] | None,
        asked: Asked,
        options: ImageOptions,
        division: Division,
        sampling: Sampling,
    ) -> Self:
        """Ask a function of the user's for the label, or another target, of every file."""
        check_task(asked.task)
        label = asked.labeller()
        sides = sides_of_paths(
            path,
            files,
            label,
            valid_pct=division.valid_pct,
            stratified=division.stratified and not isinstance(label, Answers),
            seed=options.seed,
            split=division.split,
            are_classes=not isinstance(label, Answers),
        )
        if not isinstance(label, Answers):
            return cls._of_files(sides, options, asked.classes, sampling=sampling)
        targets = label.targets(asked.task, asked.classes)
        return cls._of_targets(sides, targets, options, sampling)
