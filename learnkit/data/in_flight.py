"""Few large images are decoded at once, so that memory does not depend on the number of threads.

A WebP file of 38 bytes can hold 178 million pixels, for which its decoder takes 2.7 GB. Knows no
images.
"""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SMALL: Final = 4 << 20  # pixels; smaller images are not counted, and need not wait
_AT_ONCE: Final = 180_000_000  # pixels: one of the largest, or 7 of a camera's 24 million


class Room:
    """Pixels that may be in the making at once, by all threads of a process.

    Args:
        pixels: how many. One image that has more is made alone.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels, self._taken = pixels, 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Take room for one image, when there is enough."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + pixels <= self._pixels)
            self._taken += pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


@contextmanager
def room_for(pixels: int) -> Iterator[None]:
    """Wait until an image of so many pixels may be made."""
    if pixels <= SMALL:
        yield
        return
    with _room_of(os.getpid()).taken(pixels):
        yield


@functools.cache
def _room_of(process: int) -> Room:
    """Return the room of one process: a forked one does not know who holds its parent's."""
    return Room(_AT_ONCE)
