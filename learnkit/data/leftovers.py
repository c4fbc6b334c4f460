"""What is left of batches in which images could not be read, put together so that none is lost.

BatchNorm cannot train on a single sample. So one that is left alone goes into the next batch, and
at the end of an epoch into the one before. Knows indices and pixels only.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from learnkit.randomness import IntArray

ENOUGH: Final = 64
"""While as many samples are to come, a batch is given at once: more than one of them will do."""


class Left(NamedTuple):
    """What is left of a batch.

    Attributes:
        indices: int64 (B,).
        pixels: uint8 (B, H, W, 3).
        needed: how many samples it needs at least.
        to_come: how many samples are planned after it.
        targets: (B, ...) where they are loaded with the photos; None else.
    """

    indices: IntArray
    pixels: Tensor
    needed: int
    to_come: int
    targets: Tensor | None = None


def joined(parts: Iterable[Left]) -> Iterator[Left]:
    """Give batches that have what they need, all of it a function of ``parts``.

    Near the end a batch is held back until it is known whether one is left alone behind it.
    """
    alone: Left | None = None
    held: Left | None = None
    for part in parts:
        whole = part if alone is None else _together(alone, part)
        alone = None
        if len(whole.indices) < whole.needed:
            alone = whole if len(whole.indices) else None
        else:
            if held is not None:
                yield held
            held = whole
            if whole.needed < 2 or whole.to_come >= ENOUGH:
                yield held
                held = None
        del part, whole  # while it waits for the next, the memory of this one may be used again
    if held is not None:
        yield held if alone is None else _together(held, alone)


def _together(first: Left, second: Left) -> Left:
    targets = None
    if first.targets is not None and second.targets is not None:
        targets = torch.cat([first.targets, second.targets])
    return second._replace(
        indices=np.concatenate([first.indices, second.indices]),
        pixels=torch.cat([first.pixels, second.pixels]),
        targets=targets,
    )
