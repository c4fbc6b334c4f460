"""Many texts in one block of bytes, without a Python object for each."""

from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias, final

import numpy as np
import numpy.typing as npt

from learnkit.randomness import IntArray

UintArray: TypeAlias = npt.NDArray[Any]
"""uint8 (bytes), uint32 or, where that is too small, uint64 (N,)."""

_AT_ONCE: Final = 4096  # as many texts are looked up in the arrays together


def encode_text(text: str) -> bytes:
    """Return a text as bytes, which sort as the texts do.

    Every text that Python has can be encoded, so also file names that are no UTF-8: Python reads
    those as lone surrogates.
    """
    return text.encode("utf-8", "surrogatepass")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


@final
class Texts:
    """Texts in one block of bytes: text ``i`` is ``blob[starts[i]:ends[i]]``.

    A choice of them shares the block, so that both sides of a split hold it once.
    """

    __slots__ = ("blob", "ends", "starts")

    def __init__(self, blob: bytes, starts: UintArray, ends: UintArray) -> None:
        self.blob, self.starts, self.ends = blob, starts, ends

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Texts":
        """Hold texts in the order given."""
        blob, ends = bytearray(), array("Q")
        for text in texts:
            blob += encode_text(text)
            ends.append(len(blob))
        return cls.ending(blob, ends)

    @classmethod
    def ending(cls, blob: bytearray, ends: "array[int]") -> "Texts":
        """Cut a block of bytes into texts, each of which ends where the next one starts."""
        fits = len(blob) < 1 << 32
        offsets = np.zeros(len(ends) + 1, dtype=np.uint32 if fits else np.uint64)
        offsets[1:] = ends
        return cls(bytes(blob), offsets[:-1], offsets[1:])

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> str:
        return _decode(self.blob[self.starts[index] : self.ends[index]])

    def __iter__(self) -> Iterator[str]:
        return map(_decode, self.encoded())

    def encoded(self) -> Iterator[bytes]:
        """Give each text as bytes."""
        for first in range(0, len(self), _AT_ONCE):
            starts = self.starts[first : first + _AT_ONCE].tolist()
            ends = self.ends[first : first + _AT_ONCE].tolist()
            for start, end in zip(starts, ends, strict=True):
                yield self.blob[start:end]

    def take(self, which: IntArray | slice) -> "Texts":
        """Return the texts at some places, in that order."""
        return Texts(self.blob, self.starts[which], self.ends[which])

    def to_arrays(self) -> tuple[UintArray, UintArray]:
        """Return the bytes, and where in them each text ends and the next one starts (N + 1)."""
        offsets = np.zeros(len(self) + 1, dtype=np.uint64)
        np.cumsum(self.ends - self.starts, out=offsets[1:])
        in_order = np.array_equal(offsets[:-1], self.starts)
        blob = self.blob[: int(offsets[-1])] if in_order else b"".join(self.encoded())
        fits = len(blob) < 1 << 32
        return np.frombuffer(blob, np.uint8), offsets.astype(np.uint32) if fits else offsets

    @classmethod
    def from_arrays(cls, blob: UintArray, offsets: UintArray) -> "Texts":
        """Return the texts that ``to_arrays`` was called on.

        Raises:
            ValueError: when the arrays do not fit together.
        """
        flat = blob.dtype == np.uint8 and blob.ndim == offsets.ndim == 1
        if not flat or offsets.dtype not in (np.uint32, np.uint64) or not len(offsets):
            raise ValueError("these arrays hold no texts")
        if offsets[0] != 0 or offsets[-1] != len(blob) or (offsets[:-1] > offsets[1:]).any():
            raise ValueError("these arrays hold no texts")
        return cls(blob.tobytes(), offsets[:-1], offsets[1:])
