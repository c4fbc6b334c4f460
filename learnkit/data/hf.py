"""Which columns and splits of a Hugging Face ``datasets`` object are learned from.

Nothing here imports the package: what is used of a dataset is ``features``, ``column_names``, its
length and ``dataset[column]``.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from learnkit.bounded_json import shorten
from learnkit.data.labels import is_missing
from learnkit.data.multi_labels import is_label_list
from learnkit.errors import DataError
from learnkit.names import did_you_mean

HFDataset: TypeAlias = Any  # datasets.Dataset or datasets.DatasetDict: an extra, imported by nobody

_TRAIN: Final = ("train", "training")
_VALID: Final = ("validation", "valid", "val", "dev", "eval")
_LABELS: Final = ("label", "labels", "target", "targets", "class", "fine_label", "y")
_TEXTS: Final = ("text", "sentence", "content", "review", "sms", "document", "message")


class HFParts(NamedTuple):
    """The splits of a dataset; ``valid`` is None where a part of ``train`` is to be held out."""

    train: Any
    valid: Any | None
    where: tuple[str, str]


def hf_parts(dataset: HFDataset, *, train: str | None = None, valid: str | None = None) -> HFParts:
    """Find what to train and to validate on.

    Args:
        dataset: a ``Dataset``, which is all trained on, or a ``DatasetDict`` of splits.
        train: the split to train on; by default ``"train"``, or the only one.
        valid: the split to validate on; by default ``"validation"``, ``"valid"``, ``"val"``,
            ``"dev"`` or ``"eval"``, where there is one of them. A test split is never taken
            unless it is named.

    Raises:
        DataError: when it is no such object, streams or is empty; for a split that is not
            there, naming the nearest.
    """
    if not isinstance(dataset, Mapping):
        _check_dataset(dataset, "the dataset")
        for option, name in (("train", train), ("valid", valid)):
            if name is not None:
                raise DataError(
                    f"{option}={name!r} names a split, but this is one Dataset of {len(dataset)} "
                    "rows. Give the DatasetDict, or leave it out and hold out valid_pct."
                )
        return HFParts(dataset, None, ("the dataset", ""))
    names = [str(name) for name in dataset]
    first = _split(names, train, _TRAIN, "train") or (names[0] if len(names) == 1 else None)
    if first is None:
        raise DataError(
            f"There is no split to train on: the dataset has {_listed(names)}. Name one in train=."
        )
    second = _split([n for n in names if n != first], valid, _VALID, "valid")
    parts = [None if name is None else dataset[name] for name in (first, second)]
    for name, part in zip((first, second), parts, strict=True):
        if name is not None:
            _check_dataset(part, f"split {name!r}")
    return HFParts(parts[0], parts[1], (f"split {first!r}", f"split {second!r}"))


def label_column(part: HFDataset, wanted: str | None, *, option: str = "label_col") -> str:
    """Return the column of labels: ``wanted``, the only ``ClassLabel``, or one of a usual name.

    Raises:
        DataError: when there is none, or more than one, naming the columns and the option.
    """
    found = [n for n, f in part.features.items() if type(f).__name__ == "ClassLabel"]
    return _column(part, wanted, found, _LABELS, option, "labels")


def image_column(part: HFDataset, wanted: str | None, *, option: str = "image_col") -> str:
    """Return the column of images: ``wanted``, or the only one with the feature ``Image``.

    Raises:
        DataError: when there is none, or more than one; for a column of something else.
    """
    found = [n for n, f in part.features.items() if type(f).__name__ == "Image"]
    name = _column(part, wanted, found, (), option, "images")
    if name not in found:
        raise DataError(
            f"Column {name!r} ({option}) holds {part.features[name]}, no images. Cast it with "
            f"dataset.cast_column({name!r}, datasets.Image())."
        )
    return name


def text_column(part: HFDataset, wanted: str | None, *, option: str = "text_col") -> str:
    """Return the column of texts: ``wanted``, one of a usual name, or the only one of strings.

    Raises:
        DataError: when there is none, or more than one.
    """
    texts = [n for n, f in part.features.items() if str(getattr(f, "dtype", "")).endswith("string")]
    usual = [name for name in texts if name.casefold() in _TEXTS]
    return _column(part, wanted, usual or texts, (), option, "texts")


def hf_classes(part: HFDataset, column: str) -> tuple[str, ...] | None:
    """Return the names of a ``ClassLabel`` column, or of lists of them; None for any other."""
    feature = part.features[column]
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)
    names = getattr(inner, "names", None)
    return None if not names else tuple(str(name) for name in names)


def hf_labels(part: HFDataset, column: str, where: str) -> list[str]:
    """Return a column's labels as texts; those of a ``ClassLabel`` by their names.

    Raises:
        DataError: for a missing label (None, or the -1 of a test split), naming the first row; for
            lists of labels.
    """
    names = hf_classes(part, column)
    values = hf_values(part, column)
    for row, value in enumerate(values):
        if is_label_list(value):
            raise DataError(
                f"Row {row} (counted from 0) of {where} has a list of labels: column {column!r} is "
                f"{shorten(value)}. One label a row is expected here; TextDataBunch.from_hf takes "
                "lists, and so do from_df and from_lists of texts and of photos."
            )
        if is_missing(value) or (names is not None and not 0 <= value < len(names)):
            raise DataError(
                f"Row {row} (counted from 0) of {where} has no label: column {column!r} is "
                f"{value!r}. Take the rows without one out with dataset.filter."
            )
    return [str(value) if names is None else names[value] for value in values]


def hf_label_sets(part: HFDataset, column: str, where: str) -> list[tuple[str, ...]] | None:
    """Return a column's lists of labels as texts; None where it has no lists.

    Numbers of a list of ``ClassLabel`` become their names. None is a row without a label.

    Raises:
        DataError: for a number that is no class, naming the first row.
    """
    feature = part.features[column]
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
    if inner is None:
        return None
    names = getattr(inner, "names", None)
    sets: list[tuple[str, ...]] = []
    for row, cell in enumerate(hf_values(part, column)):
        labels = [label for label in cell or () if not is_missing(label)]
        if names and not all(0 <= label < len(names) for label in labels):
            raise DataError(
                f"Row {row} (counted from 0) of {where} has a label that is no class: column "
                f"{column!r} is {shorten(cell)}, and there are {len(names)} classes."
            )
        sets.append(tuple(str(names[label]) if names else str(label) for label in labels))
    return sets


def hf_values(part: HFDataset, column: str) -> list[Any]:
    """Return a column as a list of plain values, whatever format was set on the dataset."""
    plain = part.with_format(None) if hasattr(part, "with_format") else part
    return list(plain[column])


def _check_dataset(part: Any, where: str) -> None:
    kind = type(part).__name__
    if kind.startswith("Iterable"):
        raise DataError(
            f"An {kind} streams and has no length ({where}). Load it without streaming=True."
        )
    if not all(hasattr(part, name) for name in ("features", "column_names", "__len__")):
        raise DataError(
            f"from_hf takes a Dataset or DatasetDict of Hugging Face datasets; {where} is a {kind}."
        )
    if not len(part):
        raise DataError(f"There are no rows in {where}.")


def _split(names: list[str], wanted: str | None, usual: Iterable[str], option: str) -> str | None:
    if wanted is None:
        return next((name for name in usual if name in names), None)
    if wanted not in names:
        raise DataError(
            f"The dataset has no split {wanted!r} (option {option}).{did_you_mean(wanted, names)} "
            f"Its splits are: {', '.join(names) or 'none'}."
        )
    return wanted


def _column(
    part: HFDataset,
    wanted: str | None,
    found: list[str],
    usual: Iterable[str],
    option: str,
    noun: str,
) -> str:
    names = [str(name) for name in part.column_names]
    if wanted is not None:
        if wanted not in names:
            raise DataError(
                f"The dataset has no column {wanted!r} (option {option})."
                f"{did_you_mean(wanted, names)} Its columns are: {', '.join(names) or 'none'}."
            )
        return wanted
    found = found or [name for name in names if name.casefold() in usual][:1]
    if len(found) != 1:
        several = f"{len(found)} columns may hold {noun}: {_listed(found)}"
        none = f"No column of {noun} was found: the dataset has {_listed(names)}"
        raise DataError(f"{several if found else none}. Name it in {option}=.")
    return found[0]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
