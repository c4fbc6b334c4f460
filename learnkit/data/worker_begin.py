"""What a worker process does before it fetches, so that its parent can ask where it is.

Knows nothing of batches, and nothing of how the parent waits.
"""

import faulthandler
import mmap
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from torch.utils.data import get_worker_info

from learnkit.data.fetch import KeyedDataset
from learnkit.data.forking import start_method

_CAN_BE_ASKED: Final = hasattr(os, "memfd_create") and hasattr(signal, "SIGUSR1")


@contextmanager
def no_ctrl_c() -> Iterator[None]:
    """Put off Ctrl-C; processes that are started inside begin so, and ``Begin`` goes on."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Begin:
    """What a process does first: leave Ctrl-C to its parent, and be ready to tell where it is.

    Only forked processes can tell, by memory that they share with their parent.
    """

    def __init__(self, workers: int) -> None:
        self._at: mmap.mmap | None = None  # a number for each: the sample that it fetches, or -1
        self._calls = -1  # a file in memory
        if start_method() == "fork":
            with suppress(OSError):  # there are too many files
                self._at = mmap.mmap(-1, 8 * workers)
                self._at.write(b"\xff" * 8 * workers)
                self._calls = os.memfd_create("learnkit") if _CAN_BE_ASKED else -1

    def __del__(self) -> None:
        if self._calls >= 0:
            os.close(self._calls)

    def __call__(self, number: int) -> None:
        """Prepare the process, which is the one of this number; runs in it."""
        # Ctrl-C reaches all processes of a terminal, but the batch in work shall still be finished
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        info = get_worker_info()
        dataset = None if info is None else info.dataset
        if self._at is not None and isinstance(dataset, KeyedDataset):
            dataset.at = memoryview(self._at).cast("q")[number : number + 1]
        if self._calls >= 0:
            faulthandler.register(signal.SIGUSR1, file=self._calls, all_threads=False)

    def sample_of(self, number: int) -> str:
        """Say which sample a process is fetching, or was when it died; nothing if none."""
        index = -1 if self._at is None else memoryview(self._at).cast("q")[number]
        return f" It was fetching sample {index}." if index >= 0 else ""

    def calls_of(self, process: Any) -> str:
        """Say what the innermost calls of a process are, also of one that does not move."""
        if self._calls < 0:
            return ""
        os.ftruncate(self._calls, 0)
        os.lseek(self._calls, 0, os.SEEK_SET)  # all have the same place in it
        with suppress(OSError):
            os.kill(process.pid, signal.SIGUSR1)
        for _ in range(20):
            time.sleep(0.05)
            lines = os.pread(self._calls, 1 << 16, 0).decode(errors="replace").splitlines()
            calls = [line.strip() for line in lines if line.startswith("  File")]
            if calls:
                return f" Process {process.pid} is at: {'; '.join(calls[:3])}."
        return ""
