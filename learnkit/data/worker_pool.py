"""Processes that fetch batches of a dataset and stay from epoch to epoch.

Built on torch's DataLoader: its processes, shared memory and pinning, with a plan of our own for
each epoch. Knows nothing of when processes are of use.
"""

from collections.abc import Generator, Iterator
from typing import Any, Final

import torch
from torch.utils.data import DataLoader

from learnkit.data.fetch import Key, KeyedDataset, collate
from learnkit.data.forking import quiet_fork
from learnkit.randomness import IntArray
from learnkit.types import Loaded

_NOTE: Final = (
    "in a process that fetches samples; num_workers=0 fetches them in the calling process instead"
)


class StalledError(RuntimeError):
    """The processes gave nothing for longer than the timeout."""


class _Plan:
    """The batches of the epoch to come, for a DataLoader that stays."""

    def __init__(self) -> None:
        self.batches: list[list[Key]] = []

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class WorkerPool:
    """Worker processes for one dataset.

    They hold the dataset as it was when they started: at the first batch asked of them.

    Args:
        keyed: the dataset.
        workers: how many, at least 1.
        timeout: seconds to wait for a batch; 0 waits as long as the processes live.
    """

    def __init__(self, keyed: KeyedDataset, workers: int, *, timeout: float = 0.0) -> None:
        self._keyed, self.workers, self._timeout = keyed, workers, timeout
        self._plan = _Plan()
        self._staying: DataLoader[Any] | None = None
        self._busy = False

    def batches(self, plan: list[IntArray], epoch: int) -> Generator[Loaded, None, None]:
        """Give the batches of a plan, fetched ahead; a batch on a GPU's machine is pinned.

        Raises:
            Exception: whatever the dataset raised, with its traceback in the message.
            RuntimeError: when a process died.
            StalledError: when nothing came in time.
        """
        staying = not self._busy
        if staying:
            self._staying = self._staying or self._processes(self._plan, stay=True)
            own, loader = self._plan, self._staying
        else:  # a second pass while one is open would take over its processes
            own = _Plan()
            loader = self._processes(own, stay=False)
        self._busy, fetched = True, None
        try:
            own.batches = [[(epoch, index) for index in one.tolist()] for one in plan]
            with quiet_fork():
                fetched = iter(loader)
            for indices, batch in zip(plan, fetched, strict=True):
                yield Loaded(batch, indices)
        except Exception as error:
            self._staying = None if staying else self._staying
            _end(loader._iterator if fetched is None else fetched)
            raise _explained(error) from None
        finally:
            self._busy = not staying

    def _processes(self, plan: _Plan, *, stay: bool) -> DataLoader[Any]:
        return DataLoader(
            self._keyed,
            batch_sampler=plan,
            collate_fn=collate,
            num_workers=self.workers,
            persistent_workers=stay,
            pin_memory=torch.cuda.is_available(),
            timeout=self._timeout,
            generator=torch.Generator(),  # else torch draws from the caller's
        )


def _end(processes: Any) -> None:
    """End processes of which one failed or died; the next pass starts others.

    Left to the garbage collector, which finds them in a cycle with the error's frames, it takes
    them five seconds, as their pipes are collected first.
    """
    if processes is not None:
        processes._shutdown_workers()


def _explained(error: Exception) -> Exception:
    if isinstance(error, RuntimeError) and str(error).startswith("DataLoader timed out"):
        return StalledError(str(error))
    error.add_note(_NOTE)
    return error
