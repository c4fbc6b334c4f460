"""Labels by the million: a number for each sample, and the few texts that the numbers stand for."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias, final, overload

import numpy as np
import numpy.typing as npt

from learnkit.randomness import IntArray

LabelCodes: TypeAlias = npt.NDArray[np.int32]


@final
class Labels(Sequence[str]):
    """An immutable sequence of few different texts; equal to any list or tuple of the same.

    Attributes:
        codes: int32 (N,), indices into ``texts``.
        texts: the different labels; each occurs.
    """

    __slots__ = ("codes", "texts")
    __hash__ = None  # type: ignore[assignment]  # it would have to be that of a tuple

    def __init__(self, codes: npt.NDArray[np.integer], texts: Sequence[str]) -> None:
        used = np.flatnonzero(np.bincount(codes, minlength=len(texts)))
        places = np.zeros(len(texts), dtype=np.int32)
        places[used] = np.arange(len(used), dtype=np.int32)
        self.codes: LabelCodes = places[codes]
        self.texts = tuple(texts[index] for index in used.tolist())

    @classmethod
    def of(cls, labels: Iterable[str]) -> "Labels":
        """Hold labels in the order given; what is ``Labels`` already is returned as it is."""
        if isinstance(labels, Labels):
            return labels
        places: dict[str, int] = {}
        codes = np.fromiter((places.setdefault(x, len(places)) for x in labels), dtype=np.int32)
        return cls(codes, list(places))

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "Labels": ...

    def __getitem__(self, index: int | slice) -> "str | Labels":
        if isinstance(index, slice):
            return Labels(self.codes[index], self.texts)
        return self.texts[int(self.codes[index])]

    def __iter__(self) -> Iterator[str]:
        return map(self.texts.__getitem__, self.codes.tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return f"Labels({len(self)} of {len(self.texts)} different)"

    def take(self, indices: IntArray) -> "Labels":
        """Return the labels at ``indices``, in that order."""
        return Labels(self.codes[indices], self.texts)
