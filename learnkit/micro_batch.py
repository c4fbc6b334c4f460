"""How a batch that does not fit into memory is computed in parts. Knows sizes, not the loop."""

import itertools
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import Tensor

from learnkit.data.warn import warn_user
from learnkit.types import Batch

MicroBatch: TypeAlias = int | Literal["auto"] | None

_WORDS: Final = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "_STATUS_ALLOC_FAILED",  # cuBLAS and cuDNN, for their work space
)


def check_micro_batch(value: object) -> None:
    """Raise ValueError unless ``value`` is "auto", None or a whole number of at least 1."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not (whole or value is None or value == "auto"):
        raise ValueError(
            'micro_batch must be "auto", None or a whole number of samples of at least 1; got '
            f"{value!r}."
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that the device, or the process, has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


class MicroBatches:
    """How many samples of a batch are computed at once.

    Args:
        setting: ``"auto"`` takes all until memory runs out, then half as many, and so on; a number
            is the most that are taken; None never splits.

    Attributes:
        size: the most that are taken at once now; None takes all.
    """

    def __init__(self, setting: MicroBatch = "auto") -> None:
        self._splits = setting == "auto"
        self.size = setting if isinstance(setting, int) else None

    def parts_of(self, n: int) -> list[slice]:
        """Return where the parts of a batch of ``n`` samples begin and end, of nearly one size."""
        if self.size is None or n <= self.size:
            return [slice(0, n)]
        count = -(-n // self.size)
        bounds = [n * i // count for i in range(count + 1)]
        return [slice(a, b) for a, b in itertools.pairwise(bounds)]

    def may_shrink(self, n: int) -> bool:
        """Say whether a batch of ``n`` samples may be computed in more parts than now."""
        return self._splits and min(n, self.size or n) > 1

    def shrink(self, n: int, device: torch.device) -> None:
        """Take half as many samples at once from now on, and say so."""
        now = min(n, self.size or n)
        self.size = -(-now // 2)
        free_memory(device)
        warn_user(
            f"Out of memory on {device} with {now} samples at once: batches are computed in parts "
            f"of at most {self.size} from here on, and the step is that of the whole batch. "
            "BatchNorm that trains sees the part alone, and dropout draws for each part. "
            f"micro_batch={self.size} begins so; micro_batch=None makes it an error."
        )


def free_memory(device: torch.device) -> None:
    """Give what the failed attempt held back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def part_of(batch: Batch, part: slice, n: int) -> Batch:
    """Return the samples ``part`` of a batch of ``n``."""
    return Batch(_cut(batch.x, part, n), _cut(batch.y, part, n))


def _cut(value: Any, part: slice, n: int) -> Any:
    if isinstance(value, Tensor):
        return value[part] if value.ndim and len(value) == n else value
    if isinstance(value, Mapping):
        return {name: _cut(inner, part, n) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        cut = [_cut(inner, part, n) for inner in value]
        return type(value)(*cut) if hasattr(value, "_fields") else type(value)(cut)
    return value
