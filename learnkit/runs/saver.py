"""When a running fit is saved, and the thread that writes."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

from learnkit.checkpoint import Snapshot
from learnkit.data.warn import warn_user
from learnkit.errors import CheckpointError
from learnkit.monitor import Monitor
from learnkit.runs.checkpoints import SavePlan
from learnkit.runs.folder import Mark, RunFolder, name_of

Head = Callable[[Snapshot], Mapping[str, Any]]


class Saver:
    """Writes the checkpoints of one fit.

    A checkpoint that cannot be written is a warning: the fit goes on, and the older ones are
    untouched.

    Args:
        folder: entered already.
        plan: how often, and what stays.
        head: what to add to a snapshot, such as its fingerprint; called in the writing thread.
        monitor: whose best epoch stays; None keeps none for that.
    """

    def __init__(
        self,
        folder: RunFolder,
        plan: SavePlan,
        *,
        head: Head,
        monitor: Monitor | None = None,
    ) -> None:
        self._folder, self._plan, self._head = folder, plan, head
        self._monitor = monitor
        self._held: Snapshot | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._saved_at, self._saved_steps = monotonic(), 0

    def due(self, steps_done: int) -> bool:
        """Say whether it is time for a checkpoint inside the epoch."""
        plan = self._plan
        if plan.every_steps is not None and steps_done - self._saved_steps >= plan.every_steps:
            return True
        minutes = plan.every_minutes
        return minutes is not None and monotonic() - self._saved_at >= minutes * 60

    def started(self, steps_done: int) -> None:
        """Count from here."""
        self._saved_at, self._saved_steps = monotonic(), steps_done

    def first(self, snapshot: Snapshot) -> None:
        """Write the checkpoint of the fit's start, at once.

        Raises:
            CheckpointError: when it cannot be written.
        """
        self._write(_named(snapshot), snapshot)

    def save(self, snapshot: Snapshot, *, steps_done: int, wait: bool = False) -> None:
        """Write a checkpoint, in the background unless ``wait``; one that is under way ends first.

        The snapshot must not change any more.
        """
        self.wait()
        self.started(steps_done)
        name = _named(snapshot)
        if wait or not self._plan.where.background:
            self._try(name, snapshot)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="learnkit-checkpoint")
        self._writing = self._pool.submit(self._write, name, snapshot)

    def hold(self, snapshot: Snapshot | None) -> None:
        """Keep a snapshot to be written if the fit is stopped before the next; None drops it."""
        self._held = snapshot

    def save_held(self, *, steps_done: int, wait: bool = False) -> None:
        """Write what `hold` was given, if it was."""
        if self._held is not None:
            held, self._held = self._held, None
            self.save(held, steps_done=steps_done, wait=wait)

    def wait(self) -> None:
        """Wait for the checkpoint that is being written; a warning says if it failed."""
        writing, self._writing = self._writing, None
        if writing is not None:
            try:
                writing.result()
            except (CheckpointError, OSError, MemoryError) as error:
                self._warn(error)

    def close(self) -> None:
        """Wait, and end the thread."""
        try:
            self.wait()
        finally:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None

    def _try(self, name: str, snapshot: Snapshot) -> None:
        try:
            self._write(name, snapshot)
        except (CheckpointError, OSError, MemoryError) as error:
            self._warn(error)

    def _write(self, name: str, snapshot: Snapshot) -> None:
        document = {**self._head(snapshot), **snapshot.document}
        self._mark(snapshot)  # an epoch whose checkpoint was the last act of a killed process
        self._folder.write(name, Snapshot(document, snapshot.parts))
        self._mark(snapshot)
        self._folder.prune(self._plan.where.keep)

    def _mark(self, snapshot: Snapshot) -> None:
        """Note the best epoch of those that are stored; the best one always is."""
        if self._monitor is None:
            return
        rows, best = _plain(snapshot)["rows"], None
        for epoch, name in self._folder.epochs().items():
            value = rows[epoch - 1].get(self._monitor.name) if 0 < epoch <= len(rows) else None
            if value is not None and self._monitor.improved(value, best.value if best else None):
                best = Mark(name, self._monitor.name, value)
        if best is not None and best != self._folder.best():
            self._folder.mark_best(best)

    def _warn(self, error: Exception) -> None:
        whole = self._folder.names()
        last = f"The last one that is whole is {whole[-1]}." if whole else "There is none."
        warn_user(f"The fit goes on without a new checkpoint: {error} {last}")


def _named(snapshot: Snapshot) -> str:
    return name_of(_plain(snapshot))


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    """Return the part of a snapshot that names and marks need."""
    inner = dict(snapshot.document["state"]["dict"])
    return {
        "stage": inner["stage"],
        "progress": dict(inner["progress"]["dict"]),
        "rows": [dict(row["dict"]) for row in inner["rows"]],
    }
