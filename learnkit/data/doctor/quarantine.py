"""Move files aside, into a hidden folder that no loader reads.

``PATH/.quarantine/<time>/files`` holds what one run moved, under the names they had. The list
``manifest.json`` beside it is written before the first file moves and again after the last. Nothing
is deleted and nothing overwritten, whichever instant the process is killed at.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from learnkit.data.doctor.finding import Aside, Finding
from learnkit.data.doctor.manifest import Entry, State, check_inside, write_manifest
from learnkit.data.doctor.moving import make_folder, move_new
from learnkit.data.doctor.report import DataReport
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.files import sync_folder

FOLDER: Final = ".quarantine"
FILES: Final = "files"


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """What was done.

    Attributes:
        folder: the quarantine.
        done: the files that were moved, as they are called in the data.
        left: those that were not, and why.
    """

    folder: Path
    done: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()


def move_aside(report: DataReport) -> Moved:
    """Move what the findings of ``report`` want aside out of the data.

    A file that changed since it was checked, vanished or cannot be moved stays; ``left`` says so.

    Raises:
        DataError: when there is no place for a quarantine; nothing was moved.

    Example:
        from learnkit.data.doctor import check_folder, move_aside

        report = check_folder("flowers")
        moved = move_aside(report)
        print(len(moved.done), "files are in", moved.folder)
    """
    root = report.root
    if root is None or root == Path(root.anchor or "."):
        raise DataError("The samples checked are no files of one folder, so none can be moved.")
    asides = [(aside, found) for aside, found in report.asides if _is_inside(aside.file)]
    outside = [aside.file for aside, _ in report.asides if not _is_inside(aside.file)]
    left = tuple((name, f"it is not in {root}") for name in outside)
    if not asides:
        return Moved(folder=root / FOLDER, left=left)
    run = _new_run(root / FOLDER)
    entries = [_planned(aside, found) for aside, found in asides]
    try:
        write_manifest(run, entries)
    except DataError:
        with suppress(OSError):
            run.rmdir()
        raise
    moved = carry_out(
        root,
        run,
        entries,
        range(len(entries)),
        lambda entry: move_new(root / entry.source, run / entry.target, entry.sha256),
        home="left",
    )
    return replace(moved, left=(*left, *moved.left))


def carry_out(
    root: Path,
    run: Path,
    entries: list[Entry],
    chosen: Iterable[int],
    move: Callable[[Entry], None],
    *,
    home: State,
) -> Moved:
    """Move the files of some entries, and write down at the end where each one lies.

    The entries must be in the list on the disk as ``"moving"`` already.

    Args:
        root: the folder of the data.
        run: the folder of the list.
        entries: all of the list; those moved are replaced.
        chosen: the places of those to move.
        move: moves one file.
        home: what the state of a file is called that is at its source in the end.
    """
    done, left = [], []
    try:
        for place in chosen:
            entry, problem = entries[place], ""
            try:
                move(entry)
            except OSError as error:
                problem = error.strerror or str(error)
                left.append((entry.source, problem))
            else:
                done.append(entry.source)
            entries[place] = settled(root, run, entry, home, problem)
    finally:
        _write_again(run, entries)
    return Moved(folder=run, done=tuple(done), left=tuple(left))


def settled(root: Path, run: Path, entry: Entry, home: State, problem: str = "") -> Entry:
    """Return the entry with the state that the disk shows."""
    state: State = "gone"
    if os.path.lexists(run / entry.target):
        state = "aside"
    elif os.path.lexists(root / entry.source):
        state = home
    return replace(entry, state=state, when=now(), problem=problem)


def now() -> str:
    """Return the time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _is_inside(name: str) -> bool:
    try:
        check_inside(name)
    except ValueError:
        return False
    return True


def _planned(aside: Aside, found: Finding) -> Entry:
    return Entry(
        source=aside.file,
        target=f"{FILES}/{aside.file}",
        why=found.words,
        kind=found.kind,
        sha256=aside.sha256,
        when=now(),
    )


def _new_run(folder: Path) -> Path:
    """Make a folder that nobody else moves files to."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    try:
        if folder.is_symlink():
            raise OSError(f"{folder} is a link")
        make_folder(folder)
        number = 1
        while True:
            run = folder / (stamp if number == 1 else f"{stamp}-{number}")
            try:
                run.mkdir()
            except FileExistsError:
                number += 1
                continue
            sync_folder(folder)
            return run
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"No quarantine can be made at {folder}: {reason}. Nothing was moved."
        ) from (error)


def _write_again(run: Path, entries: list[Entry]) -> None:
    try:
        write_manifest(run, entries)
    except DataError as error:  # the list that is there says of each file that it was moving
        warn_user(f"{error} The list there names every file, and both of its places.")
