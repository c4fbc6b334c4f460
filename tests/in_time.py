"""A bound on the time of a test that would else wait for ever, were the code wrong."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SECONDS = 100


@contextmanager
def in_time(seconds: int = SECONDS) -> Iterator[None]:
    """Fail when what is inside takes longer."""

    def late(*_: Any) -> None:
        raise AssertionError(f"still not done after {seconds} s")

    if not hasattr(signal, "SIGALRM"):  # Windows
        yield
        return
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
