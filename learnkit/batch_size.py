"""How many samples of a batch fit into memory: grow, measure, and stop before it is full.

Knows bytes and sizes; what one step is, the caller says.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import torch

from learnkit.errors import LearnkitError
from learnkit.memory_use import Memory, bytes_words
from learnkit.micro_batch import free_memory, is_out_of_memory

LimitedBy: TypeAlias = Literal["memory", "most"]

_ROUND: Final = 8  # sizes are multiples of it, from twice as many on: matrix units like that


@dataclass(frozen=True, slots=True)
class BatchSize:
    """What `batch_size_find` found.

    Attributes:
        size: samples in the largest batch that fits and leaves the margin free.
        limited_by: ``"memory"``, or ``"most"`` when more would have fitted than was asked for.
        memory: bytes that training can have in all, the model included.
        margin: the fraction of them that stays free.
        per_sample: bytes that each sample of a batch takes; 0 where that is too little to measure.
        tried: for each size that was run its peak in bytes; None where memory ran out.
    """

    size: int
    limited_by: LimitedBy
    memory: int
    margin: float
    per_sample: int
    tried: tuple[tuple[int, int | None], ...]

    def __str__(self) -> str:
        room = f"{1 - self.margin:.0%} of {bytes_words(self.memory)}"
        each = f"{bytes_words(self.per_sample)} a sample" if self.per_sample else "samples are tiny"
        if self.limited_by == "most":
            return f"{self.size} samples, as many as were wanted, fit into {room}: {each}"
        return f"{self.size} samples are the most that fit into {room}: {each}"


def find_size(
    step: Callable[[int], None],
    memory: Memory,
    *,
    start: int,
    most: int,
    margin: float,
    device: torch.device,
) -> BatchSize:
    """Double the batch as long as the next one is foreseen to fit, then fill what is left.

    A step's peak is taken to be a fixed part and one that grows with the batch. The next size is
    run only if the line through the last two peaks stays within the room.

    Args:
        step: trains on a batch of so many samples.
        memory: what measures.
        start: the first size.
        most: the largest that is wanted.
        margin: fraction of the memory to leave free.
        device: where the model is.

    Raises:
        LearnkitError: when not even one sample fits.
    """
    total = memory.total()
    trials = _Trials(step, memory, device, room=int(total * (1 - margin)))
    size, failed = trials.first(min(start, most)), None
    while size < most and failed is None:
        following = min(2 * size, most)
        if trials.foreseen(following) > trials.room:
            break
        if trials.fits(following):
            size = following
        else:
            failed = following
    best = trials.fill(most, failed)
    if best > size and trials.fits(best):
        size = best
    limited: LimitedBy = "most" if size >= most else "memory"
    each = math.ceil(trials.line()[1])
    return BatchSize(size, limited, total, margin, each, tuple(trials.tried))


class _Trials:
    """The sizes that were run, and what they say about others."""

    def __init__(
        self, step: Callable[[int], None], memory: Memory, device: torch.device, *, room: int
    ) -> None:
        self._step, self._memory, self._device = step, memory, device
        self.room = room
        self.tried: list[tuple[int, int | None]] = []
        self._peaks: dict[int, int] = {}  # of the sizes that fit
        self._base = 0

    def first(self, size: int) -> int:
        """Return the first size that fits, halving from ``size``."""
        while not self.fits(size):
            if size == 1:
                raise LearnkitError(_nothing_fits(self.room, self.tried[-1][1]))
            size //= 2
        return size

    def fits(self, size: int) -> bool:
        """Run a step and say whether its peak stays within the room."""
        peak = self._measured(size)
        self.tried.append((size, peak))
        if peak is not None and peak <= self.room:
            self._peaks[size] = peak
        return size in self._peaks

    def _measured(self, size: int) -> int | None:
        base = self._memory.begin()
        self._base = self._base or base
        try:
            self._step(size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            error.__traceback__ = None  # its frames hold the tensors of the step
            free_memory(self._device)
            return None
        return self._memory.peak()

    def line(self) -> tuple[float, float]:
        """Return the fixed bytes and those a sample, by the two largest sizes that fit."""
        sizes = sorted(self._peaks)[-2:]
        if len(sizes) == 1:  # gradients and the optimizer's state count as the samples'
            return self._base, max(0, self._peaks[sizes[0]] - self._base) / sizes[0]
        small, large = sizes
        each = max(0.0, (self._peaks[large] - self._peaks[small]) / (large - small))
        return self._peaks[large] - each * large, each

    def foreseen(self, size: int) -> float:
        """Return the peak that the line gives a size."""
        fixed, each = self.line()
        return fixed + each * size

    def fill(self, most: int, failed: int | None) -> int:
        """Return the size that the line allows: below a failed one, up to twice one that fits."""
        fixed, each = self.line()
        highest = min(most, 2 * max(self._peaks), *([] if failed is None else [failed - 1]))
        size = highest if each == 0 else min(highest, int((self.room - fixed) / each))
        return size // _ROUND * _ROUND if size >= 2 * _ROUND and size != most else size


def _nothing_fits(room: int, peak: int | None) -> str:
    needs = "" if peak is None else f"; it takes {bytes_words(peak)}"
    return (
        f"not even a batch of one sample fits into the {bytes_words(room)} that the margin leaves"
        f"{needs}. Free memory, take smaller samples or a smaller model."
    )
