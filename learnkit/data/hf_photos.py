"""The images of a Hugging Face dataset, as a source that a loader reads, and their two sides."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from learnkit.data.decode import decode, decode_bytes
from learnkit.data.hf import (
    HFDataset,
    HFParts,
    hf_classes,
    hf_labels,
    image_column,
    label_column,
)
from learnkit.data.hf_columns import HFColumns
from learnkit.data.labels import Labelled
from learnkit.data.pixels import RGB
from learnkit.data.samples import Samples, Split, check_one_way, divided, split_name
from learnkit.data.sides import Division, Sides
from learnkit.data.source import ImageSource
from learnkit.data.splitters import random_splitter, stratified_splitter
from learnkit.errors import DataError
from learnkit.randomness import IntArray


class HFSource:
    """Images of a column, by row; their bytes are decoded here, in the loader's threads."""

    key = ""

    def __init__(self, part: HFDataset, column: str, rows: IntArray, where: str) -> None:
        encoded = type(part.features[column])(decode=False)
        self._part = part.with_format(None).select_columns([column]).cast_column(column, encoded)
        self._column, self._rows, self._where = column, rows, where

    def __len__(self) -> int:
        return len(self._rows)

    def describe(self, index: int) -> str:
        """Return ``row 7 of split 'train'``, counted from 0."""
        return f"row {self._rows[index]} of {self._where}"

    def stamp(self, index: int) -> int:
        """Return 0: a dataset does not change."""
        return 0

    def load(self, index: int, min_short: int) -> RGB:
        """Decode one image.

        Raises:
            DataError: when there is none in the row, or it cannot be read.
        """
        value: Any = self._part[int(self._rows[index])][self._column]
        if value is None:
            raise DataError(f"{self.describe(index)} has no image.")
        if value["bytes"] is not None:
            return decode_bytes(value["bytes"], name=self.describe(index), min_short=min_short)
        return decode(value["path"], min_short=min_short)


class HFPhotos(NamedTuple):
    """Both sides: labels by row, and where the pixels come from."""

    sides: Sides
    sources: tuple[ImageSource, ImageSource]
    classes: tuple[str, ...] | None


def hf_photos(
    parts: HFParts,
    image_col: str | None,
    label_col: str | None,
    division: Division,
    *,
    seed: int,
) -> HFPhotos:
    """Find images, labels and the two sides.

    Raises:
        DataError: for a column that is missing or holds something else; for a missing label; when
            the split is given in two ways.
    """
    image = image_column(parts.train, image_col)
    label = label_column(parts.train, label_col)
    texts = hf_labels(parts.train, label, parts.where[0])
    everything = Labelled.of(map(str, range(len(texts))), texts, parts.where[0])
    classes = hf_classes(parts.train, label)
    if parts.valid is not None:
        _check_not_divided(parts.where[1], division)
        sides = _given_sides(parts, everything, label)
    else:
        sides = _divided_sides(everything, HFColumns(parts.train), _split(division, seed))
    held = parts.train if parts.valid is None else parts.valid
    where = parts.where[0] if parts.valid is None else parts.where[1]
    return HFPhotos(
        sides,
        (
            HFSource(parts.train, image, _rows(sides.train), parts.where[0]),
            HFSource(held, image, _rows(sides.valid), where),
        ),
        classes,
    )


def _split(division: Division, seed: int) -> Split:
    if division.split is not None:
        check_one_way(valid_pct=division.valid_pct)
        return division.split
    pct = 0.2 if division.valid_pct is None else division.valid_pct
    return (stratified_splitter if division.stratified else random_splitter)(pct, seed=seed)


def _given_sides(parts: HFParts, train: Labelled, label: str) -> Sides:
    texts = hf_labels(parts.valid, label, parts.where[1])
    valid = Labelled.of(map(str, range(len(texts))), texts, parts.where[1])
    return Sides(Path(), train, valid, _ADVICE, f"as given: {train.where} and {valid.where}")


def _divided_sides(everything: Labelled, columns: HFColumns, split: Split) -> Sides:
    n, where = len(everything.names), everything.where
    kept, held = divided(Samples(n, everything.labels, None, columns), split)
    train = everything.take(kept, f"the training part of {where}")
    valid = everything.take(held, f"the validation part of {where}")
    return Sides(Path(), train, valid, _ADVICE, split_name(split), kept, n)


def _rows(part: Labelled) -> IntArray:
    return np.array([int(name) for name in part.names], dtype=np.int64)


def _check_not_divided(where: str, division: Division) -> None:
    pct = division.valid_pct
    given = "split" if division.split is not None else "" if pct is None else f"valid_pct={pct:g}"
    if given:
        raise DataError(
            f"{given} was given, but the dataset has a {where} too. Give dataset['train'] alone to "
            "hold a part of it out."
        )


_ADVICE: Final = "Add rows of it to what is trained on, or give every class in classes=."
