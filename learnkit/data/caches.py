"""Decide where the decoded images of each loader are kept: in memory, in a file, or nowhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeAlias

import simplejpeg
from PIL import __version__ as pillow

from learnkit.data.budget import (
    Budget,
    auto_disk,
    auto_memory,
    free_disk,
    most_disk,
    most_memory,
)
from learnkit.data.cache import ImageCache, NoCache, RamCache
from learnkit.data.cache_folder import decoded_folder
from learnkit.data.warn import warn_user

CacheMode: TypeAlias = Literal["auto", "ram", "disk"] | None
MODES: Final[tuple[CacheMode, ...]] = ("auto", "ram", "disk", None)

# More raw pixels than this are kept as small JPEGs, whatever the mode: about 30,000 photos at
# 224 px, 90,000 at 128. It must not depend on the machine, as JPEG changes pixels a little.
RAW_LIMIT: Final = 8 << 30
_JPEG_SHARE: Final = 8  # raw bytes for one of JPEG, about
# Part of every key: raise it when the pixels of a prepared image change.
_PREPARED: Final = 1


class Caches:
    """Hands a cache to each loader; all of one ``Caches`` share its budget.

    Args:
        mode: ``"auto"`` keeps images in memory if they fit into 2 GiB or a quarter of the free
            memory, whichever is less; else in a file, if they fit into 20 GiB or a quarter of the
            free disk; else in memory as far as they fit. ``"ram"`` takes three quarters of the free
            memory, ``"disk"`` a file of up to three quarters of the free disk, None nothing.
    """

    def __init__(self, mode: CacheMode) -> None:
        self._mode = mode
        self._limit = most_memory() if mode == "ram" else auto_memory()
        self._memory = Budget(self._limit)
        self._planned = 0
        self._files: set[Path] = set()
        self._on_disk = 0
        self._warned = False

    def open(
        self, *, source_key: Callable[[], str], n: int, each: int, settings: str, exact: bool
    ) -> ImageCache:
        """Return a cache for ``n`` images.

        Args:
            source_key: gives what names the images; empty when no file could tell them from others.
            n: how many there are.
            each: bytes of raw pixels that one has, about.
            settings: how they are prepared, in words.
            exact: whether pixels must come back as they are, however many images there are.
        """
        if self._mode is None:
            return NoCache()
        jpeg = not exact and n * each > RAW_LIMIT
        need = n * each // (_JPEG_SHARE if jpeg else 1)
        if self._mode == "disk" or (self._mode == "auto" and self._planned + need > self._limit):
            key = source_key()
            if key:
                made_by = (
                    f"{_PREPARED} {simplejpeg.__version__} {pillow} {'jpeg' if jpeg else 'raw'}"
                )
                cache = self._opened(f"{made_by} {settings} {key}", n, need, jpeg, settings)
                if cache is not None:
                    return cache
        self._planned += need
        return RamCache(self._memory, jpeg=jpeg)

    def _opened(self, key: str, n: int, need: int, jpeg: bool, words: str) -> ImageCache | None:
        """Return a cache on disk, or what stands in for it; None when it would be too large."""
        from learnkit.data.disk_cache import DiskCache, cache_files, make_room, path_of

        asked, folder = self._mode == "disk", None
        try:
            folder = decoded_folder()
            free = free_disk(folder) + sum(file.nbytes for file in cache_files(folder))
            limit = most_disk(free) if asked else auto_disk(free)
            if not asked and self._on_disk + need > limit:
                return None
            files, on_disk = self._files | {path_of(folder, key)}, self._on_disk + need
            make_room(folder, on_disk, limit, keep=files)
            cache = DiskCache(folder, key, n, limit=limit - self._on_disk, jpeg=jpeg, words=words)
        except (OSError, RuntimeError) as error:  # RuntimeError: this user has no home
            self._warn(folder, error, asked)
            # not NoCache, which would not change pixels as JPEG does
            return RamCache(Budget(0) if asked else self._memory, jpeg=jpeg)
        self._files, self._on_disk = files, on_disk
        return cache

    def _warn(self, folder: Path | None, error: Exception, asked: bool) -> None:
        if self._warned:  # the loader of the other side found the same
            return
        self._warned = True
        place = folder or "the user's cache folder"
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        instead = "are not kept" if asked else "are kept in memory as far as they fit"
        warn_user(
            f"Decoded images cannot be kept in {place}: {reason.rstrip('.')}. They {instead}. Set "
            "LEARNKIT_HOME to another folder, or pass cache=None."
        )
