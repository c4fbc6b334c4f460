"""Loaders, and what a learner must know about the data behind them.

Knows no model and no device. Images have more to say: see ``image_bunch``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from torch.utils.data import DataLoader, Dataset

from learnkit.data.bunch_base import BunchBase
from learnkit.data.datasets import (
    ArrayLike,
    dataset_loaders,
    hold_out,
    samples_of,
    split_words,
    tensor_dataset,
    weights_of_side,
)
from learnkit.data.dict_batches import DictReader
from learnkit.data.label_sides import check_label_sides, targets_of
from learnkit.data.options import (
    Tfms,
    check_batch_size,
    check_batch_tfms,
    check_workers,
)
from learnkit.data.samples import Samples, Split, check_one_way
from learnkit.data.sampling import Sampling
from learnkit.data.table import Column, DataFrameLike, as_table
from learnkit.data.targets import encode_targets, known_classes, several_labels
from learnkit.data.torch_loader import TorchLoader
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.types import BatchLoader, LossFn

if TYPE_CHECKING:  # most bunches are of none of these
    from learnkit.data.from_table import Columns, TableTask
    from learnkit.data.hf import HFDataset

AnyLoader: TypeAlias = BatchLoader | DataLoader[Any]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DataBunch(BunchBase):
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
        task: what is predicted; None finds out from the targets.
        inputs: how raw items become x, for prediction; None takes tensors as they are.
    """

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
        x_keys: str | Sequence[str] | None = None,
        y_key: str | None = None,
    ) -> Self:
        """Bind loaders that exist: torch's own, or anything with ``batches(epoch)``.

        A DataLoader gives pairs ``(x, y)``, or dicts. In a dict, y is the entry ``"labels"`` (or
        ``"label"``, ``"targets"``, ``"target"``, ``"y"``), and x every other tensor: itself where
        there is one, as with ``{"pixel_values": ..., "labels": ...}``, else a dict of them, as with
        ``{"input_ids": ..., "attention_mask": ..., "labels": ...}``. The model is called with x;
        ``models.by_name(model)`` calls one that takes the entries as keywords.

        Args:
            train_dl: batches ``(x, y)``, or dicts, to train on.
            valid_dl: batches to validate on.
            test_dl: batches to predict.
            classes: the names of the targets 0, 1, ...; none for other targets.
            loss_func: the loss; None leaves it to the learner.
            tfms: changes of training batches, run on the device in this order.
            seed: torch's generators are set from it and the epoch, so that shuffling repeats.
            x_keys: the key, or the keys, of x in batches that are dicts.
            y_key: the key of y in batches that are dicts.

        Raises:
            DataError: when something else than a loader is given; while loading, when a dict has
                no such key, naming the nearest.
        """
        reader = DictReader.checked(x_keys, y_key)
        return cls._of(
            train_dl=as_loader(train_dl, "train_dl", seed, reader),
            valid_dl=None if valid_dl is None else as_loader(valid_dl, "valid_dl", seed, reader),
            test_dl=None if test_dl is None else as_loader(test_dl, "test_dl", seed, reader),
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
        split: Split | None = None,
        sampling: Sampling = None,
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
            split: another way to hold out: a splitter such as ``stratified_splitter(0.2)``, a
                function of yours, or the indices ``(train, valid)``.
            sampling: how often each training sample comes: ``"balanced"`` gives every class the
                same share of an epoch, ``{"rare": 5.0}`` each sample of a class a weight, a list
                each sample. An epoch stays as long, and draws with replacement.
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
        names = known_classes(train_ds) if classes is None else [str(name) for name in classes]

        def samples() -> Samples:
            return samples_of(train_ds, names)

        train, valid = hold_out(train_ds, valid_ds, valid_pct, seed, split=split, samples=samples)
        weights = weights_of_side(sampling, train, samples)
        train_dl, valid_dl = dataset_loaders(
            train,
            valid,
            check_batch_size(batch_size, bs),
            check_workers(num_workers),
            seed,
            weights,
        )
        return cls._of(
            train_dl=train_dl,
            valid_dl=valid_dl,
            classes=tuple(names or ()),
            loss_func=loss_func,
            batch_tfms=check_batch_tfms(tfms),
            seed=seed,
            split=split_words(valid_ds, valid_pct, seed, split),
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
        split: Split | None = None,
        sampling: Sampling = None,
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
            split: another way to hold out: a splitter such as ``stratified_splitter(0.2)``, a
                function of yours, or the indices ``(train, valid)``.
            sampling: how often each training sample comes: ``"balanced"`` gives every class the
                same share of an epoch, ``{"rare": 5.0}`` each sample of a class a weight, a list
                each sample. An epoch stays as long, and draws with replacement.
            classes: the names of the labels, in the order of the model's outputs.
            loss_func: the loss; None leaves it to the learner.
            tfms: changes of training batches, run on the device in this order.
            batch_size: samples per batch; ``bs`` is another name.
            bs: see ``batch_size``.
            seed: of the split and of the order.

        Raises:
            DataError: when lengths differ, a label is missing, all labels are of one class, or a
                class is in validation alone; for x that is no number, NaN or infinite, naming the
                row.
        """
        pairs = [(x, y)] if valid is None else [(x, y), valid]
        targets, names = encode_targets([pair[1] for pair in pairs], classes)
        sets = [
            tensor_dataset(pair[0], target) for pair, target in zip(pairs, targets, strict=True)
        ]
        held = sets[1] if len(sets) > 1 else None

        def samples() -> Samples:
            return samples_of(sets[0], names) if names else Samples(len(sets[0]))

        train, valid_set = hold_out(
            sets[0], held, valid_pct, seed, option="valid", split=split, samples=samples
        )
        check_label_sides(
            targets_of(train),
            targets_of(valid_set),
            names,
            given=classes,
            divided=valid is None and split is None,
        )
        weights = weights_of_side(sampling, train, samples)
        train_dl, valid_dl = dataset_loaders(
            train, valid_set, check_batch_size(batch_size, bs), 0, seed, weights
        )
        return cls._of(
            train_dl=train_dl,
            valid_dl=valid_dl,
            classes=names,
            loss_func=loss_func,
            batch_tfms=check_batch_tfms(tfms),
            seed=seed,
            split=split_words(valid, valid_pct, seed, split),
            task=several_labels(targets[0], names, loss_func),
        )

    @classmethod
    @checked_keywords
    def from_df(
        cls,
        df: DataFrameLike | Mapping[Any, Sequence[Any]],
        y_cols: "Columns",
        *,
        x_cols: Sequence[Column] | None = None,
        valid_col: Column | None = None,
        valid_pct: float | None = None,
        split: Split | None = None,
        sampling: Sampling = None,
        task: "TableTask | None" = None,
        classes: Sequence[object] | None = None,
        loss_func: LossFn | None = None,
        tfms: Tfms = None,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Load a table that is all numbers: x float32 (B, columns), y classes or values.

        Names, gaps and dates are for ``TabularDataBunch.from_df``.

        Args:
            df: a DataFrame (pandas, polars) or a dict of columns.
            y_cols: the column to predict, by name or by place from 0; or several columns of values.
            x_cols: the columns to learn from; by default all others.
            valid_col: the column that says True or 1 for validation; without it, ``valid_pct``
                (0.2 by default) is held out.
            valid_pct: see ``valid_col``.
            split: as in `from_arrays`; a splitter may ask for any column of the table.
            sampling: as in `from_arrays`.
            task: ``"regression"`` takes ``y_cols`` as values, float32 (B, K); ``"classification"``
                as classes, int64 (B,). By default a column with fractions is values.
            classes: as in `from_arrays`, and so are the others.
            loss_func: see ``classes``.
            tfms: see ``classes``.
            batch_size: see ``classes``.
            bs: see ``classes``.
            seed: see ``classes``.

        Raises:
            DataError: for a missing column, and for a cell that is no number, naming the row.

        Example:
            >>> homes = {"rooms": [3, 4, 5, 2], "age": [9, 2, 30, 7], "price": [1.5, 2.5, 2.1, 0.9]}
            >>> data = DataBunch.from_df(homes, "price", valid_pct=0.25, batch_size=3)
            >>> data.one_batch().y.shape
            torch.Size([3, 1])
        """
        from learnkit.data.from_table import read_numbers
        from learnkit.data.splitters import with_columns

        if split is not None:
            check_one_way(valid_pct=valid_pct, valid_col=valid_col)
        arrays = read_numbers(df, y_cols, x_cols=x_cols, valid_col=valid_col, task=task)
        (x, y), valid = arrays.parts()
        return cls.from_arrays(
            x,
            y,
            valid=valid,
            valid_pct=valid_pct,
            split=None if split is None else with_columns(split, as_table(df).columns),
            sampling=sampling,
            classes=classes,
            loss_func=loss_func,
            tfms=tfms,
            batch_size=batch_size,
            bs=bs,
            seed=seed,
        )

    @classmethod
    @checked_keywords
    def from_hf(
        cls,
        dataset: "HFDataset",
        *,
        y_col: str | None = None,
        x_cols: Sequence[str] | None = None,
        train: str | None = None,
        valid: str | None = None,
        valid_pct: float | None = None,
        split: Split | None = None,
        sampling: Sampling = None,
        classes: Sequence[object] | None = None,
        loss_func: LossFn | None = None,
        tfms: Tfms = None,
        batch_size: int = 64,
        bs: int | None = None,
        seed: int = 42,
    ) -> Self:
        """Load columns of numbers of Hugging Face ``datasets`` (the extra ``hf``) into memory.

        Args:
            dataset: a ``Dataset``, or a ``DatasetDict`` of splits.
            y_col: the column to predict; by default the only ``ClassLabel``, or one called "label".
            x_cols: the columns to learn from; by default every other one of numbers. A column of
                lists or arrays stands alone.
            train: the split to train on; by default ``"train"``, or the only one.
            valid: the split to validate on; by default ``"validation"`` and its like. Where there
                is none, ``valid_pct`` is held out. A test split is taken only if it is named.
            valid_pct: see ``valid``.
            split: as in `from_arrays`; a splitter may ask for any column.
            sampling: as in `from_arrays`.
            classes: by default the names of the ``ClassLabel``, in their order.
            loss_func: as in `from_arrays`.
            tfms: as in `from_arrays`.
            batch_size: samples per batch; ``bs`` is another name.
            bs: see ``batch_size``.
            seed: of the split and of the order.

        Raises:
            DataError: for a missing split or column, naming the nearest; for an empty cell.
        """
        from learnkit.data.hf import hf_parts
        from learnkit.data.hf_columns import HFColumns, hf_arrays
        from learnkit.data.splitters import with_columns

        parts = hf_parts(dataset, train=train, valid=valid)
        arrays = hf_arrays(parts, y_col, x_cols)
        return cls.from_arrays(
            *arrays.train,
            valid=arrays.valid,
            valid_pct=valid_pct,
            split=None if split is None else with_columns(split, HFColumns(parts.train)),
            sampling=sampling,
            classes=arrays.classes if classes is None else classes,
            loss_func=loss_func,
            tfms=tfms,
            batch_size=batch_size,
            bs=bs,
            seed=seed,
        )


def as_loader(
    loader: AnyLoader, name: str, seed: int, reader: DictReader | None = None
) -> BatchLoader:
    """Return a torch DataLoader as a `BatchLoader`; DataError names what else was given."""
    if isinstance(loader, DataLoader):
        return TorchLoader(loader, seed=seed, reader=reader)
    if not callable(getattr(loader, "batches", None)):
        raise DataError(
            f"{name} must be a torch DataLoader of (x, y) batches, or a loader with "
            f"batches(epoch): found {type(loader).__name__}."
        )
    return loader
