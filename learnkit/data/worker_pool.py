"""Processes that fetch batches of a dataset and stay from epoch to epoch.

Built on torch's DataLoader: its processes, shared memory and pinning, with a plan of our own for
each epoch. Knows nothing of when processes are of use.
"""

from collections.abc import Generator
from typing import Final

import torch

from learnkit.data.fetch import KeyedDataset, collate
from learnkit.data.forking import quiet_fork
from learnkit.data.processes import WatchedLoader, WorkersError, end_processes
from learnkit.data.warn import warn_user
from learnkit.randomness import IntArray
from learnkit.types import Loaded

PATIENCE: Final = 300.0
"""Seconds without a batch until that is an error."""

_NOTE: Final = (
    "in a process that fetches samples; num_workers=0 fetches them in the calling process instead"
)


class WorkerPool:
    """Worker processes for one dataset.

    They hold the dataset as it was when they started: at the first batch asked of them.

    Args:
        keyed: the dataset.
        workers: how many, at least 1.
        patience: seconds to wait for a batch; `PATIENCE` by default.

    Attributes:
        has_given: whether they ever gave a batch.
    """

    def __init__(self, keyed: KeyedDataset, workers: int, *, patience: float | None = None) -> None:
        self._keyed, self.workers = keyed, workers
        self._patience = PATIENCE if patience is None else patience
        self._staying: WatchedLoader | None = None
        self._busy = self.has_given = False

    def batches(self, plan: list[IntArray], epoch: int) -> Generator[Loaded, None, None]:
        """Give the batches of a plan, fetched ahead; a batch on a GPU's machine is pinned.

        Raises:
            Exception: whatever the dataset raised, with its traceback in the message.
            WorkersError: when a process died, nothing came in time, or they cannot be started.
        """
        staying = not self._busy  # a second pass while one is open would take over its processes
        loader = self._stayed() if staying else self._processes(stay=False)
        self._busy, fetched = True, None
        try:
            loader.plan[:] = [[(epoch, index) for index in one.tolist()] for one in plan]
            with quiet_fork():
                fetched = iter(loader)
            for indices, batch in zip(plan, fetched, strict=True):
                self.has_given = True
                yield Loaded(batch, indices)
        except GeneratorExit:
            raise  # they go on with the next epoch
        except BaseException as error:
            self._staying = None if staying else self._staying
            end_processes(loader._iterator if fetched is None else fetched)
            if isinstance(error, Exception) and not isinstance(error, WorkersError):
                error.add_note(_NOTE)
            raise error from None
        finally:
            if staying:
                self._busy = False

    def _stayed(self) -> WatchedLoader:
        """Return the processes that stay, new ones where one died since the last epoch."""
        if self._staying is not None and (died := self._staying.dead()):
            warn_user(f"{died} No batch was waited for, so nothing is lost; others are started.")
            end_processes(self._staying._iterator)
            self._staying = None
        self._staying = self._staying or self._processes(stay=True)
        return self._staying

    def _processes(self, *, stay: bool) -> WatchedLoader:
        return WatchedLoader(
            self._keyed,
            workers=self.workers,
            patience=self._patience,
            collate_fn=collate,
            persistent_workers=stay,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # else torch draws from the caller's
        )
