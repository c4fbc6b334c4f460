"""What a table's rows are to be predicted: a class, or values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from learnkit.data.labels import encode, is_missing, names_of_classes, sorted_classes
from learnkit.data.table import Table
from learnkit.data.tabular.cells import Cells, as_number, numbers, words
from learnkit.data.tabular.kinds import MOST_WHOLE
from learnkit.data.tabular.whole import all_whole, by_value, plain
from learnkit.errors import DataError
from learnkit.names import did_you_mean

TargetKind: TypeAlias = Literal["classification", "regression"] | None
_KINDS = (None, "classification", "regression")


@dataclass(frozen=True)
class Target:
    """The columns that are predicted.

    Attributes:
        names: the columns; one for classes.
        classes: in the order of the outputs; empty for values.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]

    @classmethod
    def learn(
        cls,
        table: Table,
        names: Sequence[str],
        *,
        kind: TargetKind,
        classes: Sequence[object] | None,
    ) -> "Target":
        """Find the classes of the training rows, or that there are none.

        Raises:
            DataError: for a missing target, naming the row; for fewer than two classes; for
                several columns that are no numbers.
        """
        if kind not in _KINDS:
            raise DataError(f"task must be 'classification' or 'regression': found {kind!r}.")
        if not names:
            raise DataError("y_cols must name the column to predict, or several.")
        columns = [_present(Cells.of(table, name)) for name in names]
        if kind_of(table, names, kind, classes) == "regression":
            for cells in columns:
                numbers(cells)
            return cls(tuple(names), ())
        if len(names) > 1:
            raise DataError(
                f"Classes are in one column; y_cols names {len(names)}: {', '.join(names)}."
            )
        seen = sorted_classes(by_value(word for word in words(columns[0]) if word is not None))
        if len(seen) < 2:
            raise DataError(
                f"{table.title} has one class only in the training rows: {seen[0]!r} (column "
                f"{names[0]!r}). Give rows of another class, or task='regression' for values."
            )
        return cls(tuple(names), seen if classes is None else names_of_classes(classes))

    def y(self, table: Table) -> Tensor:
        """Return int64 (N,) class numbers, or float32 (N, K) values.

        Raises:
            DataError: naming the row whose target is missing, no number, or no known class.
        """
        for name in self.names:
            table.column(name, "y_cols")
        columns = [_present(Cells.of(table, name)) for name in self.names]
        if not self.classes:
            values = np.stack([numbers(cells) for cells in columns], axis=1)
            return torch.from_numpy(values.astype(np.float32))
        labels = [word or "" for word in words(columns[0])]
        known = self.classes
        if all_whole(known):
            labels, known = [*map(plain, labels)], tuple(map(plain, known))
        allowed = set(known)
        for place, label in enumerate(labels):
            if label not in allowed:
                raise columns[0].wrong(place, self._no_class(label))
        return torch.from_numpy(encode(labels, known))

    def _no_class(self, label: str) -> str:
        advice = f"{did_you_mean(label, self.classes)} Give every class in classes=."
        if all_whole((*self.classes, label)):  # a count perhaps, of which 20 is not like 2
            advice = " Give every class in classes=, or task='regression' if these are values."
        return f"which is none of the classes {list(self.classes)}.{advice}"

    def names_in(self, y: Tensor) -> list[str]:
        """Return the classes that occur among targets; none for values."""
        return [name for i, name in enumerate(self.classes) if (y == i).any()]


def kind_of(
    table: Table, names: Sequence[str], kind: TargetKind, classes: Sequence[object] | None
) -> TargetKind:
    """Return what the user said, or what the targets that are there look like."""
    if kind is not None or not names:
        return kind
    values = [value for value in table.columns[names[0]] if not is_missing(value)]
    many = len(names) > 1 or (classes is None and _are_values(values))
    return "regression" if many else "classification"


def labels_of(
    table: Table, names: Sequence[str], kind: TargetKind, classes: Sequence[object] | None = None
) -> list[str] | None:
    """Return the class of each row as text, blank where it is missing; None for values."""
    if len(names) != 1 or kind_of(table, names, kind, classes) == "regression":
        return None
    labels = [word or "" for word in words(Cells.of(table, names[0]))]
    return [*map(plain, labels)] if all_whole(set(labels) - {""}) else labels


def _present(cells: Cells) -> Cells:
    missing = [place for place, value in enumerate(cells.values) if is_missing(value)]
    if missing:
        raise DataError(
            f"{cells.title}: the target {cells.name!r} is missing in {len(missing)} of "
            f"{len(cells.values)} rows, the first of them {cells.rows[missing[0]]}. Fill it in, or "
            "leave these rows out."
        )
    return cells


def _are_values(values: Sequence[Any]) -> bool:
    """Whether targets are numbers, and not a few whole ones, which are classes."""
    if any(isinstance(value, bool | np.bool_) for value in values):
        return False
    try:
        found = set(map(as_number, values))
    except ValueError:
        return False
    whole = all("." not in str(value) and "e" not in str(value).casefold() for value in values)
    return not whole or len(found) > MOST_WHOLE
