"""Threads that work off tasks, none of which can keep the program from going on or from ending.

A thread that reads from a dead disk can be neither interrupted nor joined, so those of
``concurrent.futures`` would keep everybody waiting, the end of the program too. These are daemons:
who waits for one is told after a while what it is at, and later gets an error. Knows no images.
"""

import atexit
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

from learnkit.data.warn import warn_user
from learnkit.errors import DataError

T = TypeVar("T")

WARN_AFTER: Final = 30
"""Seconds at one image until a warning names it."""

GIVE_UP_AFTER: Final = 120
"""Seconds at one image until that is an error; Linux too calls a task hung after as many."""

_LINGER: Final = 5.0  # seconds for which ``close`` waits for what is being decoded
_POLL: Final = 1.0  # seconds


class Task(Future[T]):
    """What one thread does at a time.

    Attributes:
        at: what it is at, set by whoever does it; -1 before it begins.
    """

    at: int = -1


class Threads(Generic[T]):
    """At most ``most`` threads, started when they are needed; 0 has the caller do the work."""

    def __init__(self, most: int, *, name: str) -> None:
        self._most, self._name = most, name
        self._queue: SimpleQueue[tuple[Task[T], Callable[..., T], Any] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        # The interpreter stops daemons wherever they are, which C++ code does not always stand.
        atexit.register(self.close)

    def submit(self, function: Callable[..., T], *args: Any) -> Task[T]:
        """Have ``function(task, *args)`` called, which may say in ``task.at`` what it is at."""
        task: Task[T] = Task()
        if len(self._threads) < self._most:
            self._start_another()
        if self._most:
            self._queue.put((task, function, args))
        else:
            task.set_result(function(task, *args))
        return task

    def _start_another(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=_work, args=(self._queue,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # too many of them in the system, or the program is ending
            wanted, self._most = self._most, len(self._threads)
            warn_user(
                f"{self._most} of {wanted} decoding threads could be started: {error}. Loading is "
                "slower and gives the same."
            )
        else:
            self._threads.append(thread)

    def result(self, task: Task[T], describe: Callable[[int], str]) -> T:
        """Wait for a task, and return what it returned.

        Args:
            task: one that was submitted here.
            describe: names what a task is at.

        Raises:
            BaseException: whatever the task raised, with its traceback.
            DataError: when it has been at one thing for `GIVE_UP_AFTER` seconds, or the threads are
                no more.
        """
        at, waited = task.at, 0.0
        while not _is_done(task):
            if not any(thread.is_alive() for thread in self._threads):
                raise DataError(
                    "The decoding threads ended before their work did, as after a fork amid an "
                    "epoch. Begin the epoch anew; num_workers=0 decodes without threads."
                )
            # polls are counted, not seconds: a process that was stopped for an hour is not to blame
            at, waited = (at, waited + _POLL) if task.at == at else (task.at, 0.0)
            if waited >= GIVE_UP_AFTER:
                raise DataError(f"{_so_far(at, waited, describe)} {_ADVICE}")
            if WARN_AFTER <= waited < WARN_AFTER + _POLL:
                later = f"After {GIVE_UP_AFTER} s that is an error."
                warn_user(f"{_so_far(at, waited, describe)} {later} {_ADVICE}")
        return task.result()

    def close(self) -> None:
        """End the threads. One that is stuck is left behind, and ends with the program."""
        atexit.unregister(self.close)
        self._most = 0
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + _LINGER
        for thread in self._threads:
            if thread is not threading.current_thread():  # where garbage is collected by one of us
                thread.join(max(0.0, until - time.monotonic()))


_ADVICE: Final = (
    "Its disk or network drive may be gone; if a file does this every time, move it away."
)


def _so_far(at: int, waited: float, describe: Callable[[int], str]) -> str:
    what = describe(at) if at >= 0 else "A part of a batch"
    return f"{what} has been read for {waited:.0f} s."


def _is_done(task: Task[T]) -> bool:
    try:
        task.exception(timeout=_POLL)  # returns it; ``result`` would raise a task's own timeout
    except TimeoutError:
        return False
    return True


def _work(queue: "SimpleQueue[tuple[Task[T], Callable[..., T], Any] | None]") -> None:
    while (call := queue.get()) is not None:
        _do(*call)
        del call  # while it waits for the next, nothing of this one may be held


def _do(task: Task[T], function: Callable[..., T], args: Any) -> None:
    try:
        result = function(task, *args)
    except BaseException as error:
        task.set_exception(error)
    else:
        task.set_result(result)
