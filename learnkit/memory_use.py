"""How much memory training takes on a device, and how much there is. Knows no model."""

import gc
from pathlib import Path
from typing import Final, Protocol

import torch

from learnkit.data.budget import free_memory
from learnkit.errors import LearnkitError

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")  # "5" resets the high-water mark, see man 5 proc


class Memory(Protocol):
    """Measures the memory of one device."""

    def total(self) -> int:
        """Bytes that this process has or can have."""

    def begin(self) -> int:
        """Forget the peak so far; return the bytes in use now."""

    def peak(self) -> int:
        """The most bytes that this process had at once since `begin`."""


class HostMemory:
    """The main memory, as Linux counts it for this process; a container's limit counts too.

    Nothing here waits until the kernel ends the process: sizes are foreseen, see `find_size`.
    """

    def total(self) -> int:
        """Bytes that this process has, and those that are free."""
        return _status("VmRSS") + free_memory()

    def begin(self) -> int:
        """Set the high-water mark down to what is used now, and return that.

        Raises:
            LearnkitError: where the system does not allow it.
        """
        gc.collect()
        try:
            _CLEAR.write_text("5", encoding="ascii")
        except OSError as error:
            raise _no_measure(error) from error
        return _status("VmRSS")

    def peak(self) -> int:
        """The high-water mark of the process."""
        return _status("VmHWM")


class CudaMemory:
    """The memory of a GPU: what torch's allocator gave out, and what is free beside it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def total(self) -> int:
        """Bytes that torch holds, and those that nobody does."""
        free, _ = torch.cuda.mem_get_info(self._device)
        return int(free) + int(torch.cuda.memory_reserved(self._device))

    def begin(self) -> int:
        """Give back what is held for later, and forget the peak."""
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        return int(torch.cuda.memory_allocated(self._device))

    def peak(self) -> int:
        """Bytes in tensors, at their most."""
        return int(torch.cuda.max_memory_allocated(self._device))


def memory_of(device: torch.device) -> Memory:
    """Return what measures a device's memory.

    Raises:
        LearnkitError: for a device that cannot be measured.
    """
    if device.type == "cuda":
        return CudaMemory(device)
    if device.type == "cpu":
        return HostMemory()
    raise LearnkitError(f"batch_size_find measures the memory of a CPU or of CUDA, not {device}.")


def _status(name: str) -> int:
    """Return a line of the process's status, in bytes."""
    try:
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except OSError as error:
        raise _no_measure(error) from error
    raise _no_measure(f"no {name} in {_STATUS}")


def _no_measure(reason: object) -> LearnkitError:
    return LearnkitError(
        f"batch_size_find measures a CPU's memory through Linux's /proc, which fails here: {reason}"
    )


def bytes_words(number: float) -> str:
    """Return ``1.5 GiB`` and the like, with three digits."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} bytes"
