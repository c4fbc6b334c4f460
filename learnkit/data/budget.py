"""How much memory and how much disk a cache may take. Knows no images."""

import os
import shutil
import threading
from pathlib import Path
from typing import Final

AUTO_MEMORY: Final = 2 << 30
AUTO_DISK: Final = 20 << 30


class Budget:
    """Bytes that several users may take together; safe to use from many threads."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        """Bytes that nobody has taken."""
        return self._left

    def take(self, nbytes: int) -> bool:
        """Take bytes if as many are left; say whether they were."""
        with self._lock:
            if nbytes > self._left:
                return False
            self._left -= nbytes
            return True

    def give_back(self, nbytes: int) -> None:
        """Return bytes that were taken."""
        with self._lock:
            self._left += nbytes


def auto_memory() -> int:
    """Return what a cache takes unasked: 2 GiB or a quarter of the free memory, if that is less."""
    return min(AUTO_MEMORY, free_memory() // 4)


def most_memory() -> int:
    """Return what a cache takes when it is asked for: three quarters of the free memory."""
    return free_memory() * 3 // 4


def auto_disk(free: int) -> int:
    """Return what all caches in a folder take unasked: 20 GiB or a quarter of the free disk.

    Args:
        free: bytes that are free, those of older caches included, which make room for new ones.
    """
    return min(AUTO_DISK, free // 4)


def most_disk(free: int) -> int:
    """Return what they take when asked for: three quarters of the free disk."""
    return free * 3 // 4


def free_disk(folder: Path) -> int:
    """Return the bytes free where ``folder`` is, or will be; 0 where nobody can tell."""
    try:
        existing = next((part for part in (folder, *folder.parents) if part.exists()), folder)
        return shutil.disk_usage(existing).free
    except OSError:
        return 0


def free_memory() -> int:
    """Return the bytes of memory that can be used without swapping; 4 GiB where unknown."""
    known = [free for free in (_free_on_machine(), _free_in_container()) if free is not None]
    return min(known, default=4 << 30)


def _free_on_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # no /proc, or no such word in sysconf
        return None


def _free_in_container() -> int | None:
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        return max(0, limit - int((group / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError):  # not in a group, or the limit is "max"
        return None
