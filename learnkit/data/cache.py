"""Keep decoded images in memory, up to a budget.

A cache never changes a result: an image is decoded and shrunk the same way whether or not it is
kept, so an image that did not fit merely costs its decoding again. Knows no files and no batches.
"""

import os
import threading
from pathlib import Path
from typing import Final, Literal, TypeAlias

from learnkit.data.pixels import RGB

CacheMode: TypeAlias = Literal["auto", "ram"] | None

AUTO_LIMIT: Final = 2 << 30


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


def cache_budget(mode: CacheMode) -> int:
    """Return the bytes that a cache of this mode may hold.

    ``"auto"``: 2 GiB or a quarter of the free memory, whichever is less. ``"ram"``: three quarters
    of the free memory. ``None``: nothing.
    """
    if mode is None:
        return 0
    free = free_memory()
    return min(AUTO_LIMIT, free // 4) if mode == "auto" else free * 3 // 4


class ImageCache:
    """Images by key, in memory; safe to use from many threads.

    Several loaders may share one, each with keys of its own, and so share its budget. When the
    budget is spent nothing more is added and nothing is thrown out: each image is needed once an
    epoch, so throwing one out for another gains nothing.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._held = 0
        self._images: dict[tuple[object, int], RGB] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, mode: CacheMode) -> "ImageCache":
        """Make a cache with the budget that ``mode`` stands for."""
        return cls(cache_budget(mode))

    @property
    def nbytes(self) -> int:
        """Bytes of pixels held."""
        return self._held

    def __len__(self) -> int:
        return len(self._images)

    def get(self, owner: object, index: int) -> RGB | None:
        """Return the image, which must not be written to, or None."""
        return self._images.get((owner, index))

    def put(self, owner: object, index: int, image: RGB) -> None:
        """Keep an image if the budget allows it."""
        with self._lock:
            if self._held + image.nbytes > self._budget or (owner, index) in self._images:
                return
            self._images[owner, index] = image
            self._held += image.nbytes
