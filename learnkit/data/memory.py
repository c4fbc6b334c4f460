"""Memory for batches that is used again, since the system clears every new page it hands out.

Clearing 38 MB, one batch of 64 photos at 224 px in float32, takes five times as long as normalising
them. Knows nothing of what lies in the memory.
"""

import math
import sys
import threading
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_KEPT: Final = 4  # blocks; more are in use at once only if somebody collects batches
_SMALL: Final = 1 << 20  # bytes that the C library keeps at hand by itself

Block = npt.NDArray[np.uint8]


class ReusedMemory:
    """Gives arrays whose memory is taken up again once nobody holds any part of it.

    Whether somebody does is asked of Python's own count of references: tensors and views made of
    an array hold it. Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._lock = threading.Lock()

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return an array of any content."""
        nbytes = math.prod(shape) * np.dtype(dtype).itemsize
        if nbytes < _SMALL:
            return np.empty(shape, dtype)
        return self._block(nbytes)[:nbytes].view(dtype).reshape(shape)

    def tensor(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> Tensor:
        """Return a tensor of any content, on the CPU."""
        return torch.from_numpy(self.array(shape, dtype))

    def _block(self, nbytes: int) -> Block:
        with self._lock:
            for place, block_size in enumerate([block.nbytes for block in self._blocks]):
                if block_size >= nbytes and _holders(self._blocks, place) == _NOBODY:
                    return self._blocks[place]
            made = np.empty(nbytes, np.uint8)
            self._blocks = [*self._blocks, made][-_KEPT:]
            return made


def _holders(blocks: list[Block], place: int) -> int:
    return sys.getrefcount(blocks[place])


_NOBODY: Final = _holders([np.empty(0, np.uint8)], 0)  # the list, and the question itself
