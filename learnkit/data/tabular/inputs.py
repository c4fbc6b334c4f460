"""Rows of a table as the model's input, in training, in prediction and in an export."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.tabular.category import Category
from learnkit.data.tabular.cells import MAX_LETTERS
from learnkit.data.tabular.csv_table import blanked
from learnkit.data.tabular.number import Number
from learnkit.data.tabular.process import Process
from learnkit.data.tabular.rows import table_of_rows
from learnkit.json_fields import Fields

MAX_COLUMNS: Final = 10_000
MAX_WORDS: Final = 1_000_000
_LARGEST: Final = 1e300


@dataclass(frozen=True)
class TableInputs:
    """How a row becomes x; see `Process`.

    Attributes:
        process: what was learned from the training rows.
        na_values: cells that say that nothing is known, besides empty ones: of the CSV file.
    """

    process: Process
    na_values: tuple[str, ...] = ()

    kind: ClassVar[str] = "table"

    @property
    def category_sizes(self) -> dict[str, int]:
        """Codes of each column of categories, 0 included, in the order of x."""
        return {column.name: column.size for column in self.process.coded}

    @property
    def number_names(self) -> tuple[str, ...]:
        """The columns of numbers, in the order of x."""
        return tuple(number.name for number in self.process.numbers)

    def loader(self, items: Sequence[Any], *, batch_size: int) -> DatasetLoader:
        """Return the batches of rows: dicts, Series, named tuples, or a DataFrame.

        Raises:
            DataError: naming the row and the column that cannot be used.
        """
        process = self.process
        table = table_of_rows(items, needed=process.sources, ignored=process.ignored)
        x = process.x(blanked(table, self.na_values))
        y = torch.zeros(len(x), dtype=torch.int64)
        return DatasetLoader(TensorDataset(x, y), batch_size=batch_size)

    def words(self, x: Tensor) -> str:
        """Return one row as ``age 39, workclass State-gov``."""
        return ", ".join(f"{name} {text}" for name, text in self.process.decoded(x).items())

    def to_json(self) -> dict[str, Any]:
        """Return what was learned as plain values, a few lists for all columns together."""
        process = self.process
        return {
            "categories": [column.name for column in process.categories],
            "words": [list(column.words) for column in process.categories],
            "numbers": [number.name for number in process.numbers],
            "fills": [number.fill for number in process.numbers],
            "means": [number.mean for number in process.numbers],
            "stds": [number.std for number in process.numbers],
            "logs": [number.name for number in process.numbers if number.log],
            "flagged": [number.name for number in process.numbers if number.flagged],
            "dates": list(process.dates),
            "ignored": list(process.ignored),
            "whole": process.whole,
            "na_values": list(self.na_values),
        }


def read(fields: Fields) -> TableInputs:
    """Make the inputs of an export from what ``to_json`` returned.

    Raises:
        ValueError: naming the field that is wrong.
    """
    whole = fields.fact("whole")
    numbers = _numbers(fields)
    if whole and numbers:
        fields.refuse("whole", "false where there are numbers")
    process = Process(
        categories=_categories(fields),
        numbers=numbers,
        dates=_names(fields, "dates"),
        ignored=_names(fields, "ignored"),
        whole=whole,
    )
    if not process.width:
        fields.refuse("categories", "the names of one column or more, where there are no numbers")
    if len({column.name for column in process.coded}) < len(process.coded):
        fields.refuse("flagged", "numbers whose NAME_na is none of the categories")
    return TableInputs(process, _names(fields, "na_values") if fields.has("na_values") else ())


def _names(fields: Fields, field: str) -> tuple[str, ...]:
    names = fields.strings(field, at_most=MAX_COLUMNS, length=MAX_LETTERS)
    if len(set(names)) < len(names):
        fields.refuse(field, "names that all differ")
    return names


def _categories(fields: Fields) -> tuple[Category, ...]:
    names, lists = _names(fields, "categories"), fields.value("words", list)
    if len(lists) != len(names):
        fields.refuse("words", f"{len(names)} lists, one for each of the categories")
    found = []
    for name, listed in zip(names, lists, strict=True):
        inner = Fields({name: listed}, "inputs.words.")
        words = inner.strings(name, at_most=MAX_WORDS, length=MAX_LETTERS)
        if len(set(words)) < len(words):
            inner.refuse(name, "words that all differ")
        found.append(Category(name, words))
    return tuple(found)


def _numbers(fields: Fields) -> tuple[Number, ...]:
    names = _names(fields, "numbers")
    marks = {field: set(_names(fields, field)) for field in ("logs", "flagged")}
    for field, marked in marks.items():
        if not marked <= set(names):
            fields.refuse(field, "some of the numbers' names")
    fills = fields.numbers("fills", low=-_LARGEST, high=_LARGEST)
    means = fields.numbers("means", low=-_LARGEST, high=_LARGEST)
    stds = fields.numbers("stds", low=1e-300, high=_LARGEST)
    for field, values in (("fills", fills), ("means", means), ("stds", stds)):
        if len(values) != len(names):
            fields.refuse(field, f"a list of {len(names)} numbers, one for each of the numbers")
    return tuple(
        Number(name, fill, mean, std, log=name in marks["logs"], flagged=name in marks["flagged"])
        for name, fill, mean, std in zip(names, fills, means, stds, strict=True)
    )
