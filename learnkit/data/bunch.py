"""Loaders, and what a learner must know about the data behind them.

Knows no model and no device. Images have more to say: see ``image_bunch``.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from torch.utils.data import DataLoader, Dataset

from learnkit.data.datasets import (
    ArrayLike,
    dataset_loaders,
    hold_out,
    split_words,
    tensor_dataset,
)
from learnkit.data.options import (
    Tfm,
    Tfms,
    check_batch_size,
    check_batch_tfms,
    check_workers,
)
from learnkit.data.targets import encode_targets, known_classes
from learnkit.data.torch_loader import TorchLoader
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.reprs import bunch_html
from learnkit.types import Batch, BatchLoader, LossFn

if TYPE_CHECKING:
    from learnkit.data.doctor.report import DataReport

AnyLoader: TypeAlias = BatchLoader | DataLoader[Any]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DataBunch:
    """Loaders plus what a model must know about them. No attribute forwarding.

    Attributes:
        train_dl: the batches of training, in another order each epoch.
        valid_dl: the batches of validation, or None.
        test_dl: batches that are only predicted, or None.
        classes: the classes' names in the order of the model's outputs; empty for other targets.
        loss_func: the loss that fits the targets; None leaves it to the learner.
        batch_tfms: random changes of training batches, run on the device in this order.
        seed: all random choices depend on it.
        split: how training and validation were divided, in words.
    """

    train_dl: BatchLoader
    valid_dl: BatchLoader | None = None
    test_dl: BatchLoader | None = None
    classes: tuple[str, ...] = ()
    loss_func: LossFn | None = None
    batch_tfms: tuple[Tfm, ...] = ()
    seed: int = 42
    split: str = ""

    @property
    def n_classes(self) -> int:
        """How many classes there are; 0 for targets that are no classes."""
        return len(self.classes)

    def one_batch(self, *, train: bool = True) -> Batch:
        """Return the first batch as it is loaded, on the CPU, for looking at.

        Raises:
            DataError: when ``train`` is False and there are no validation samples.
        """
        loader = self.train_dl if train else self.valid_dl
        if loader is None:
            raise DataError("There is no validation batch: this data has no valid_dl.")
        return next(iter(loader))

    @checked_keywords
    def check(self, *, max_imbalance: float = 10.0, show: bool = True) -> "DataReport":
        """Say what is wrong with the data: print a table, and return it as values.

        Reads all batches of epoch 0. Finds samples that are in two parts or have two labels, NaN
        and infinity, labels that are no class, and classes that are missing or rare. Where the
        loaders read image files, these are checked instead: see ``ImageDataBunch.check``.

        Args:
            max_imbalance: a class may have so many times the samples of another.
            show: whether the table is printed.

        Example:
            ``report = data.check()``
        """
        return self._check(show, max_imbalance=max_imbalance)

    def _check(self, show: bool, **options: Any) -> "DataReport":
        # here, as whoever only trains needs none of it
        from learnkit.data.doctor.loaders import check_loaders
        from learnkit.data.doctor.options import CheckOptions

        report = check_loaders(
            {"train": self.train_dl, "valid": self.valid_dl, "test": self.test_dl},
            title=type(self).__name__,
            classes=self.classes,
            options=CheckOptions(**options),
        )
        if show:
            sys.stdout.write(f"{report}\n")
        return report

    @classmethod
    @checked_keywords
    def from_dls(
        cls,
        train_dl: AnyLoader,
        valid_dl: AnyLoader | None = None,
        test_dl: AnyLoader | None = None,
        *,
        classes: Sequence[object] = (),
        loss_func: LossFn | None = None,
        tfms: Tfms = None,
        seed: int = 42,
    ) -> Self:
        """Bind loaders that exist: torch's own, or anything with ``batches(epoch)``.

        Args:
            train_dl: batches ``(x, y)`` to train on.
            valid_dl: batches to validate on.
            test_dl: batches to predict.
            classes: the names of the targets 0, 1, ...; none for other targets.
            loss_func: the loss; None leaves it to the learner.
            tfms: changes of training batches, run on the device in this order.
            seed: torch's generators are set from it and the epoch, so that shuffling repeats.

        Raises:
            DataError: when something else than a loader is given.
        """
        return cls._of(
            train_dl=as_loader(train_dl, "train_dl", seed),
            valid_dl=None if valid_dl is None else as_loader(valid_dl, "valid_dl", seed),
            test_dl=None if test_dl is None else as_loader(test_dl, "test_dl", seed),
            classes=tuple(str(name) for name in classes),
            loss_func=loss_func,
            batch_tfms=check_batch_tfms(tfms),
            seed=seed,
            split="as given",
        )

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
    ) -> Self:
        """Load from map-style torch datasets of ``(x, y)``.

        Args:
            train_ds: what is trained on, and split when there is no ``valid_ds``.
            valid_ds: what is validated on.
            valid_pct: the fraction held out of ``train_ds``; 0.2 where there is no ``valid_ds``.
            classes: names of the targets; by default the dataset's own ``classes``, if it has any.
            loss_func: the loss; None leaves it to the learner.
            tfms: changes of training batches, run on the device in this order.
            batch_size: samples per batch; ``bs`` is another name.
            bs: see ``batch_size``.
            num_workers: see ``DatasetLoader``.
            seed: of the split, the order and whatever the datasets draw from torch's generator.

        Raises:
            DataError: when both ``valid_ds`` and ``valid_pct`` are given, or a set is empty.
        """
        train, valid = hold_out(train_ds, valid_ds, valid_pct, seed)
        names = known_classes(train_ds) if classes is None else [str(name) for name in classes]
        train_dl, valid_dl = dataset_loaders(
            train, valid, check_batch_size(batch_size, bs), check_workers(num_workers), seed
        )
        return cls._of(
            train_dl=train_dl,
            valid_dl=valid_dl,
            classes=tuple(names or ()),
            loss_func=loss_func,
            batch_tfms=check_batch_tfms(tfms),
            seed=seed,
            split=split_words(valid_ds, valid_pct, seed),
        )

    @classmethod
    @checked_keywords
    def from_arrays(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        *,
        valid: tuple[ArrayLike, ArrayLike] | None = None,
        valid_pct: float | None = None,
        classes: Sequence[object] | None = None,
        loss_func: LossFn | None = None,
        tfms: Tfms = None,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Load from arrays or tensors in memory.

        Args:
            x: (N, ...); float64 becomes float32.
            y: (N,) labels (names, or whole numbers) or (N,) or (N, K) real values.
            valid: the arrays ``(x, y)`` to validate on.
            valid_pct: the fraction held out where ``valid`` is not given; 0.2 by default.
            classes: the names of the labels, in the order of the model's outputs.
            loss_func: the loss; None leaves it to the learner.
            tfms: changes of training batches, run on the device in this order.
            batch_size: samples per batch; ``bs`` is another name.
            bs: see ``batch_size``.
            seed: of the split and of the order.

        Raises:
            DataError: when lengths differ or a label is missing.
        """
        pairs = [(x, y)] if valid is None else [(x, y), valid]
        targets, names = encode_targets([pair[1] for pair in pairs], classes)
        sets = [
            tensor_dataset(pair[0], target) for pair, target in zip(pairs, targets, strict=True)
        ]
        held = sets[1] if len(sets) > 1 else None
        train, valid_set = hold_out(sets[0], held, valid_pct, seed, option="valid")
        train_dl, valid_dl = dataset_loaders(
            train, valid_set, check_batch_size(batch_size, bs), 0, seed
        )
        return cls._of(
            train_dl=train_dl,
            valid_dl=valid_dl,
            classes=names,
            loss_func=loss_func,
            batch_tfms=check_batch_tfms(tfms),
            seed=seed,
            split=split_words(valid, valid_pct, seed),
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
        """Make a bunch of this class from loaders; a class with more fields finds them out here."""
        return cls(
            train_dl=train_dl,
            valid_dl=valid_dl,
            test_dl=test_dl,
            classes=classes,
            loss_func=loss_func,
            batch_tfms=batch_tfms,
            seed=seed,
            split=split,
        )

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        loaders = {"train": self.train_dl, "valid": self.valid_dl, "test": self.test_dl}
        return bunch_html(type(self).__name__, loaders, self.classes)

    def _lines(self) -> list[str]:
        few = ", ".join(self.classes[:6]) + (", ..." if self.n_classes > 6 else "")
        of = f" of {self.n_classes} classes: {few}" if self.classes else ""
        lines = [type(self).__name__ + of, "         samples  batches  batch size"]
        for name, loader in (("train", self.train_dl), ("valid", self.valid_dl)):
            lines.append(_line(name, loader) if loader is not None else f"  {name}     none")
        if self.test_dl is not None:
            lines.append(_line("test", self.test_dl))
        return lines


def _line(name: str, loader: BatchLoader) -> str:
    return f"  {name:<5}{loader.n_samples:>9}{len(loader):>9}{loader.batch_size:>12}"


def as_loader(loader: AnyLoader, name: str, seed: int) -> BatchLoader:
    """Return a torch DataLoader as a `BatchLoader`; DataError names what else was given."""
    if isinstance(loader, DataLoader):
        return TorchLoader(loader, seed=seed)
    if not callable(getattr(loader, "batches", None)):
        raise DataError(
            f"{name} must be a torch DataLoader of (x, y) batches, or a loader with "
            f"batches(epoch): found {type(loader).__name__}."
        )
    return loader
