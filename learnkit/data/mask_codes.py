"""Which number of a mask is which class."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from learnkit.data.labels import names_of_classes
from learnkit.data.mask_file import Mask
from learnkit.errors import DataError
from learnkit.tasks.segmentation import IGNORED

MAX_VALUE = 65_535
_NO_CLASS = -1


@dataclass(frozen=True)
class MaskCodes:
    """Numbers in masks to class numbers, and these to names.

    Attributes:
        classes: names in the order of the model's outputs, at most 255.
        values: (number in a mask, class number) of each number that may come up.
        ignore: numbers whose pixels are left out of loss and metrics.
    """

    classes: tuple[str, ...]
    values: tuple[tuple[int, int], ...]
    ignore: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) <= IGNORED:
            raise DataError(
                f"Masks need from 2 to {IGNORED} classes; found {len(self.classes)}: "
                f"{list(self.classes[:5])}."
            )
        numbers = [value for value, _ in self.values] + list(self.ignore)
        for number in numbers:
            if not _is_value(number):
                raise DataError(
                    f"Numbers in masks are whole and from 0 to {MAX_VALUE}; found {number!r}."
                )
        twice = sorted({number for number in numbers if numbers.count(number) > 1})
        if twice:
            raise DataError(f"{twice[0]} is given twice, as a class or in ignore.")

    @classmethod
    def of(
        cls,
        classes: Sequence[object] | None,
        values: Mapping[int, object] | None,
        ignore: int | Iterable[int] | None,
    ) -> "MaskCodes | None":
        """Read what the user gave; None where the numbers must be found in the masks.

        Args:
            classes: names of the numbers 0, 1, ...
            values: the name of each number, where they are others; two may have one name.
            ignore: numbers that are left out.

        Raises:
            DataError: when both are given, or an option cannot be used.
        """
        left_out = _listed(ignore)
        if classes is not None and values is not None:
            raise DataError("classes and values were both given: give one, values for {1: 'pet'}.")
        if values is not None:
            if not isinstance(values, Mapping):
                raise DataError(
                    f"values must say which number is which class, as {{1: 'pet'}}: found "
                    f"{values!r}."
                )
            named = [(_python(value), str(name)) for value, name in values.items()]
            names = tuple(dict.fromkeys(name for _, name in named))
            return cls(names, tuple((v, names.index(n)) for v, n in named), left_out)
        if classes is None:
            return None
        names = names_of_classes(classes)
        pairs = tuple((i, i) for i in range(len(names)) if i not in left_out)
        return cls(names, pairs, left_out)

    @classmethod
    def found(cls, numbers: Iterable[int], ignore: int | Iterable[int] | None) -> "MaskCodes":
        """Make a class of each number that masks hold, named after it."""
        left_out = _listed(ignore)
        kept = sorted(set(numbers) - set(left_out))
        return cls(tuple(map(str, kept)), tuple(zip(kept, range(len(kept)), strict=True)), left_out)

    def encode(self, mask: Mask, name: str) -> npt.NDArray[np.uint8]:
        """Return class numbers uint8 (H, W), 255 where a pixel is left out.

        Raises:
            DataError: naming the file and the numbers that are no class.
        """
        table = self._table()
        inside = np.clip(mask, 0, MAX_VALUE) if mask.dtype.itemsize > 2 else mask
        codes = table[inside]
        if codes.min(initial=0) < 0 or (inside is not mask and bool((inside != mask).any())):
            wrong = np.unique(mask)
            raise DataError(self._refusal([v for v in wrong.tolist() if not self._knows(v)], name))
        return codes.astype(np.uint8)

    def _knows(self, value: int) -> bool:
        return 0 <= value <= MAX_VALUE and int(self._table()[value]) >= 0

    def _table(self) -> npt.NDArray[np.int16]:
        table = np.full(MAX_VALUE + 1, _NO_CLASS, np.int16)
        for value, place in self.values:
            table[value] = place
        table[list(self.ignore)] = IGNORED
        return table

    def _refusal(self, wrong: Sequence[int], name: str) -> str:
        few = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        known = ", ".join(f"{v} {self.classes[place]}" for v, place in self.values[:5])
        more = ", ..." if len(self.values) > 5 else ""
        advice = f"values={{{wrong[0]}: NAME}} names it, ignore={wrong[0]} leaves its pixels out."
        if name.lower().endswith((".jpg", ".jpeg")):
            advice = "JPEG changes numbers: save masks as PNG."
        elif len(wrong) == 1 and wrong[0] >= 0 and len(self.values) == 2 and not self.ignore:
            first, second = self.classes[self.values[0][1]], self.classes[self.values[1][1]]
            advice = f"Is it values={{0: {first!r}, {wrong[0]}: {second!r}}}? Else " + advice
        return f"{name} holds {few}, which is no class: there are {known}{more}. {advice}"

    @property
    def digest(self) -> str:
        """All of it, in a line."""
        return repr(dataclasses.astuple(self))


def _is_value(number: object) -> bool:
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    return whole and 0 <= int(number) <= MAX_VALUE  # type: ignore[call-overload]


def _listed(ignore: int | Iterable[int] | None) -> tuple[int, ...]:
    if ignore is None:
        return ()
    listed = tuple(ignore) if isinstance(ignore, Iterable) else (ignore,)
    return tuple(map(_python, listed))


def _python(number: Any) -> Any:
    """Return NumPy's whole numbers as Python's; anything else as it is, to be refused."""
    return int(number) if isinstance(number, np.integer) else number
