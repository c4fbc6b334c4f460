"""What counts as too alike, too small or too uneven; all values are checked on making one."""

from dataclasses import dataclass
from typing import Final

from learnkit.errors import DataError

HASH_BITS: Final = 256
"""Bits of a perceptual hash. Two that have nothing in common differ in about 128."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOptions:
    """The limits of a check of data.

    Attributes:
        near: bits of 256 in which the perceptual hashes of near duplicates may differ; None looks
            for no near duplicates. How 64 was found: docs/doctor.md.
        min_side: pixels; a photo whose short side has fewer is tiny.
        max_aspect: a photo whose long side is more times the short one is extreme.
        max_imbalance: the largest class of train may have so many times the samples of the
            smallest.

    Raises:
        DataError: for a value that cannot be used.
    """

    near: int | None = 64
    min_side: int = 32
    max_aspect: float = 5.0
    max_imbalance: float = 10.0

    def __post_init__(self) -> None:
        if self.near is not None and not _is_whole(self.near, 0, HASH_BITS // 2):
            raise DataError(
                f"near is the number of bits, from 0 to {HASH_BITS // 2}, in which the hashes of "
                f"near duplicates may differ, or None: found {self.near!r}."
            )
        if not _is_whole(self.min_side, 0, None):
            raise DataError(
                f"min_side must be a whole number of pixels, at least 0: found {self.min_side!r}."
            )
        for name in ("max_aspect", "max_imbalance"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1.0:
                raise DataError(
                    f"{name} is a ratio of the larger to the smaller, at least 1: found {value!r}."
                )


def _is_whole(value: object, low: int, high: int | None) -> bool:
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return low <= value and (high is None or value <= high)
