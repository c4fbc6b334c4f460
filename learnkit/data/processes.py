"""torch's worker processes, watched: that one dies or stands still is an error within seconds.

torch itself looks at its processes every five seconds, or with a timeout only when that has passed;
its handler of SIGCHLD is faster, but raises wherever the main thread happens to be, in an
optimizer's step too, and does not see a process that ends with code 0. Here they are looked at
every second that nothing comes, and all is raised where the batch is asked for that will never
come. Knows batches by their keys only.
"""

import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from torch._C import _remove_worker_pids
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from learnkit.data.fetch import Key, KeyedDataset
from learnkit.data.worker_begin import Begin, no_ctrl_c
from learnkit.errors import DataError

_POLL: Final = 1.0  # seconds
_GRACE: Final = 2.0  # seconds that processes have to end by themselves
_ADVICE: Final = "num_workers=0 fetches samples in the calling process instead."
_WHY: Final = {
    "SIGKILL": "as the system does when memory runs out: fewer num_workers or a smaller batch_size "
    "take less of it",
    "SIGBUS": "as happens when shared memory (/dev/shm) is full: fewer num_workers or a smaller "
    "batch_size take less of it",
}


class WorkersError(DataError, RuntimeError):
    """The processes that fetch samples failed as such; the dataset raised nothing."""


class StartError(WorkersError):
    """They could not be started."""


class StalledError(WorkersError):
    """They live, but gave nothing for long."""


class DiedError(WorkersError):
    """One of them died."""


class WatchedLoader(DataLoader[Any]):
    """A DataLoader whose processes are watched, and stay for an epoch of other batches.

    Args:
        dataset: given to the processes.
        workers: how many processes, at least 1.
        patience: seconds without a batch until that is an error.
        options: others of DataLoader.

    Attributes:
        plan: the batches of the epoch to come; change it in place.
    """

    def __init__(
        self, dataset: KeyedDataset, *, workers: int, patience: float, **options: Any
    ) -> None:
        self.plan: list[list[Key]] = []
        self.patience, self.begin = patience, Begin(workers)
        super().__init__(
            dataset,
            batch_sampler=self.plan,
            num_workers=workers,
            worker_init_fn=self.begin,
            **options,
        )

    def _get_iterator(self) -> Any:
        try:
            with no_ctrl_c():
                return _Watched(self)
        except (OSError, RuntimeError) as error:  # no more processes, threads, files or memory
            raise StartError(
                f"Processes that fetch samples cannot be started: {error}. {_ADVICE}"
            ) from error

    def dead(self) -> str:
        """Say how a process ended, if one did since the last epoch; else nothing."""
        running = self._iterator
        return running.dead() if isinstance(running, _Watched) else ""


class _Watched(_MultiProcessingDataLoaderIter):
    """torch's iterator over its processes, with another way to wait for them."""

    def __init__(self, loader: WatchedLoader) -> None:
        super().__init__(loader)
        self._patience, self._begin = loader.patience, loader.begin
        if self._worker_pids_set:  # torch's handler of SIGCHLD shall not raise for these
            _remove_worker_pids(id(self))
            self._worker_pids_set = False

    def _get_data(self) -> Any:
        waited = 0.0
        while True:
            try:
                there, data = self._try_get_data(_POLL)  # type: ignore[no-untyped-call]
            except (RuntimeError, EOFError, OSError):
                wait_for_death(self)
                if died := self.dead():
                    raise DiedError(f"{died} {_ADVICE}") from None
                raise
            if there:
                return data
            # polls are counted, since a process that was stopped for an hour is not to blame
            waited += _POLL
            if waited >= self._patience:
                raise self._stalled(waited)
            if self._pin_memory and not self._pin_memory_thread.is_alive():
                raise DiedError(f"The thread that pins memory ended. {_ADVICE}")

    def dead(self) -> str:
        """Say how one of the processes ended, and at which sample; nothing if all live."""
        for number, worker in enumerate(self._workers):
            code = worker.exitcode
            if code is not None:
                how = how_it_ended(worker.pid or 0, code)
                return f"{how}.{self._begin.sample_of(number)}"
        return ""

    def _stalled(self, waited: float) -> StalledError:
        number = self._task_info.get(self._rcvd_idx, (0,))[0]
        return StalledError(
            f"The processes that fetch samples gave nothing for {waited:.0f} s."
            f"{self._begin.calls_of(self._workers[number])}{self._begin.sample_of(number)} A "
            f"library that the dataset uses may not stand forking. {_ADVICE}"
        )


def how_it_ended(pid: int, code: int) -> str:
    """Say how a process ended, by its exit code or minus the signal."""
    if code >= 0:
        return (
            f"Process {pid}, which fetches samples, ended with exit code {code} before its work "
            "did: something that the dataset calls ends the process"
        )
    known = {each.value: each.name for each in signal.Signals}
    name = known.get(-code, f"signal {-code}")
    why = _WHY.get(name, "as happens when a library in C fails")
    return f"Process {pid}, which fetches samples, was killed by {name}, {why}"


def wait_for_death(running: Any) -> int | None:
    """Return the number of a process that ended or does within two seconds, else None.

    A process that dies breaks its connections some moments before the system says that it ended,
    and a batch that it gave may still be on its way through them.
    """
    by = time.monotonic() + _GRACE
    workers = getattr(running, "_workers", ())
    while workers and time.monotonic() < by:
        for worker in workers:
            if not worker.is_alive():
                return int(worker.pid)
        time.sleep(0.02)
    return None


def drop_dead(dl: DataLoader[Any]) -> None:
    """Let a DataLoader whose processes stay, but of which one is dead, start others."""
    running: Any = getattr(dl, "_iterator", None)
    if not all(each.is_alive() for each in getattr(running, "_workers", ())):
        end_processes(running)
        dl._iterator = None


def end_processes(running: Any) -> None:
    """End processes of which one failed or died, at once.

    Left to the garbage collector, which finds them in a cycle with the error's frames, it takes
    them five seconds, as their pipes are collected first; and torch waits five seconds for each
    that does not end by itself.
    """
    if running is None:
        return
    killer = threading.Timer(_GRACE, _kill, [running._workers])
    killer.daemon = True
    with suppress(RuntimeError):  # no more threads
        killer.start()
    try:
        running._shutdown_workers()
    finally:
        killer.cancel()
        with suppress(RuntimeError):  # it was not started
            killer.join()


def _kill(workers: Sequence[Any]) -> None:
    for worker in workers:
        worker.kill()
