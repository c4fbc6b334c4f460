"""The checkpoints of one fit in one folder: written whole, read back newest first, pruned."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from learnkit.checkpoint import Snapshot, read_snapshot, write_snapshot
from learnkit.data.warn import warn_user
from learnkit.errors import CheckpointError
from learnkit.files import check_writable, remove, sync_folder, write_file
from learnkit.runs.lock import FolderLock
from learnkit.runs.moment import Moment, read_moment

BEST: Final = "best.json"
_UNFINISHED: Final = ".tmp"  # the endings that files.py gives
_REPLACED: Final = ".previous"
_NAME: Final = re.compile(r"step-(\d+)(-start|-before-valid|-epoch-\d+|-finished)?")
_ORDER: Final = ("-start", "", "-before-valid", "-epoch", "-finished")


def name_of(moment: Mapping[str, Any]) -> str:
    """Return the name of a checkpoint: how many batches were trained, and where in the fit."""
    progress, stage = moment["progress"], moment["stage"]
    begins = f"step-{progress['batches_seen']:08d}"
    if stage == "train":
        return begins
    if stage == "valid":
        return f"{begins}-before-valid"
    if stage == "finished":
        return f"{begins}-finished"
    epoch = progress["epochs_done"]
    return f"{begins}-epoch-{epoch:03d}" if epoch else f"{begins}-start"


def is_finished(name: str) -> bool:
    """Say whether a checkpoint of that name is the end of its fit."""
    return name.endswith("-finished")


@dataclass(frozen=True)
class Mark:
    """Which checkpoint is the best epoch's, and what the monitor was there."""

    name: str
    monitor: str
    value: float


class RunFolder:
    """The folder of one fit. Enter it to write: one process at a time may.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: FolderLock | None = None

    def __enter__(self) -> Self:
        check_writable(self.path, purpose="fit(checkpoint=...)")
        with contextlib.suppress(OSError):
            sync_folder(self.path.parent)
        self._lock = FolderLock(self.path)
        try:
            self._tidy()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _tidy(self) -> None:
        """Remove what a killed process has left; the lock says that none is at work."""
        for entry in list(self.path.iterdir()):
            name = entry.name.removeprefix(".").removesuffix(_REPLACED)
            if entry.name == f".{name}{_REPLACED}" and not (self.path / name).exists():
                with contextlib.suppress(OSError):
                    entry.rename(self.path / name)  # it was to be replaced, and was not
            elif entry.name.startswith(".") and entry.name.endswith((_UNFINISHED, _REPLACED)):
                remove(entry)

    def names(self) -> list[str]:
        """Return the checkpoints' names, oldest first."""
        if not self.path.is_dir():
            return []
        found = [name for entry in self.path.iterdir() if _NAME.fullmatch(name := entry.name)]
        return sorted(found, key=_place)

    def newest(self) -> Moment | None:
        """Return the newest checkpoint that is whole; one warning names each that is not.

        Raises:
            CheckpointError: when there are checkpoints, but none that is whole.
        """
        names = self.names()
        for name in reversed(names):
            try:
                return self.read(name)
            except CheckpointError as error:
                warn_user(f"The checkpoint before this one is taken instead: {error}")
        if names:
            raise CheckpointError(
                f"none of the {len(names)} checkpoints in {self.path} is whole. resume='never' "
                "starts anew and deletes them; another folder leaves them as they are."
            )
        return None

    def read(self, name: str) -> Moment:
        """Read one checkpoint.

        Raises:
            CheckpointError: when it is missing, torn or changed, or not the one of its name.
        """
        path = self.path / name
        moment = read_moment(read_snapshot(path), source=path)
        named = name_of({"stage": moment.stage, "progress": moment.progress.state_dict()})
        if named != name:
            raise CheckpointError(f"{path} is another one: it was written as {named}.")
        return moment

    def before(self, step: int) -> Moment | None:
        """Return the last whole checkpoint from which batch ``step`` was still to come."""
        return self._first_whole(lambda name: _place(name)[0] <= step and not is_finished(name))

    def before_epoch(self, epoch: int) -> Moment | None:
        """Return the last whole checkpoint before the end of epoch ``epoch`` of the fit."""
        names = self.names()
        ends = [name for name in names if (n := _epoch(name)) is not None and n < epoch]
        return self._first_whole(lambda name: name in ends)

    def at(self, epoch: int | str) -> Moment | None:
        """Return the checkpoint of an epoch's end, of ``"best"``, or of a name; None if absent."""
        best = self.best() if epoch == "best" else None
        wanted = best.name if best is not None else epoch
        for name in self.names():
            if name == wanted or (not isinstance(wanted, str) and _epoch(name) == wanted):
                return self.read(name)
        return None

    def epochs(self) -> dict[int, str]:
        """Return the names of the checkpoints at epochs' ends, by epoch; 0 is the fit's start."""
        return {n: name for name in self.names() if (n := _epoch(name)) is not None}

    def _first_whole(self, wanted: Callable[[str], bool]) -> Moment | None:
        for name in reversed(self.names()):
            if wanted(name):
                with contextlib.suppress(CheckpointError):
                    return self.read(name)
        return None

    def write(self, name: str, snapshot: Snapshot) -> None:
        """Write one checkpoint.

        Raises:
            CheckpointError: when it cannot be written; the others are untouched.
        """
        write_snapshot(self.path / name, snapshot.parts, snapshot.document)

    def prune(self, keep: int | None) -> None:
        """Delete all but the first checkpoint, the best one and the last ``keep``."""
        names = self.names()
        if keep is None or len(names) <= keep + 1:
            return
        best = self.best()
        for name in names[1:-keep]:
            if best is None or name != best.name:
                self._delete([name])

    def clear(self) -> None:
        """Delete every checkpoint."""
        self._delete([*reversed(self.names()), BEST])

    def best(self) -> Mark | None:
        """Return which checkpoint was marked as the best epoch's; None too for a damaged mark."""
        try:
            raw = (self.path / BEST).read_bytes()
            noted = json.loads(raw)
            mark = Mark(str(noted["checkpoint"]), str(noted["monitor"]), float(noted["value"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return mark if _NAME.fullmatch(mark.name) and raw == _laid_out(mark) else None

    def mark_best(self, mark: Mark) -> None:
        """Note the best epoch's checkpoint, so that it stays."""
        write_file(self.path / BEST, _laid_out(mark))

    def _delete(self, names: Collection[str]) -> None:
        for name in names:
            aside = self.path / f".{name}.{os.getpid()}.tmp"
            with contextlib.suppress(OSError):
                (self.path / name).rename(aside)  # at once, so that no half of it is ever listed
            remove(aside)


def _laid_out(mark: Mark) -> bytes:
    """Return the one way to write a mark, so that no byte of it can change unnoticed."""
    noted = {"checkpoint": mark.name, "monitor": mark.monitor, "value": mark.value}
    noted["sha256"] = hashlib.sha256(json.dumps(noted).encode()).hexdigest()
    return json.dumps(noted, indent=1).encode()


def _epoch(name: str) -> int | None:
    """Return the epoch that a checkpoint is the end of; 0 for the start of the fit."""
    kind = name.partition("-start")
    if kind[1]:
        return 0
    number = name.partition("-epoch-")[2]
    return int(number) if number else None


def _place(name: str) -> tuple[int, int]:
    found = _NAME.fullmatch(name)
    number, kind = (found[1], found[2] or "") if found else ("0", "")
    return int(number), _ORDER.index("-epoch" if kind.startswith("-epoch") else kind)
