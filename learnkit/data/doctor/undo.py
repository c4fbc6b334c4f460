"""Put files from a quarantine back to where they were, over nothing that is there by now."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from learnkit.data.doctor.manifest import NAME, Entry, read_manifest, write_manifest
from learnkit.data.doctor.moving import move_new
from learnkit.data.doctor.quarantine import FILES, FOLDER, Moved, carry_out, now, settled
from learnkit.data.items import existing_folder
from learnkit.data.sides import names_below
from learnkit.errors import DataError


def put_back(
    path: str | os.PathLike[str], files: Sequence[str | os.PathLike[str]] | None = None
) -> Moved:
    """Move files from the quarantine of a folder to where they were.

    Args:
        path: the folder that was checked.
        files: their names as before, relative to ``path`` or with it; None puts all back.

    Raises:
        DataError: when there is no quarantine, its list is damaged, or a file is not in it; nothing
            was moved.
    """
    root = existing_folder(path)
    lists = [(run, read_manifest(run)) for run in _runs(root / FOLDER)]
    wanted = None if files is None else set(names_below(root, files))
    known = {entry.source for _, entries in lists for entry in entries if _may_be_aside(entry)}
    for name in sorted(wanted or ()):
        if name not in known:
            raise DataError(f"{name} is not in {root / FOLDER}; nothing was moved.")
    results = [_put_back_run(root, run, entries, wanted) for run, entries in lists]
    return Moved(
        folder=root / FOLDER,
        done=tuple(name for moved in results for name in moved.done),
        left=tuple(pair for moved in results for pair in moved.left),
    )


def _runs(folder: Path) -> list[Path]:
    """Return the folders of all runs, the newest first."""
    found = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    runs = [run for run in found if (run / NAME).exists() or (run / FILES).is_dir()]
    if not runs:
        raise DataError(f"There is no quarantine in {folder.parent}: {folder} holds nothing.")
    return runs


def _may_be_aside(entry: Entry) -> bool:
    return entry.state in ("moving", "aside")


def _put_back_run(root: Path, run: Path, entries: list[Entry], wanted: set[str] | None) -> Moved:
    before, chosen = list(entries), []
    for place, entry in enumerate(before):
        if not _may_be_aside(entry) or (wanted is not None and entry.source not in wanted):
            continue
        if os.path.lexists(run / entry.target):
            chosen.append(place)
            if entry.state != "moving":
                entries[place] = replace(entry, state="moving", when=now(), problem="")
        else:  # a killed run never came to it, or a person took it out
            entries[place] = settled(root, run, entry, "left")
    if entries != before:  # else the disk may be full, and all the same give its files back
        write_manifest(run, entries)
    if not chosen:
        return Moved(folder=run)
    return carry_out(
        root, run, entries, chosen, lambda entry: _move_back(root, run, entry), home="back"
    )


def _move_back(root: Path, run: Path, entry: Entry) -> None:
    aside, place = run / entry.target, root / entry.source
    if _is_same(aside, place):  # a run was killed between giving the second name and the first
        aside.unlink()
    else:
        move_new(aside, place, entry.sha256)


def _is_same(aside: Path, place: Path) -> bool:
    return (
        not aside.is_symlink()
        and not place.is_symlink()
        and place.exists()
        and aside.samefile(place)
    )
