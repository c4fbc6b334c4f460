"""Files that are whole or not there: written beside their place, flushed to the disk, renamed.

At any instant, also of a crash or a power cut, there is a whole old one or a whole new one. Knows
bytes and names; knows nothing of what is in them.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from learnkit.errors import CheckpointError

_UNFINISHED: Final = ".tmp"


def write_file(path: Path, data: bytes) -> None:
    """Write one file; what was there is replaced once this one is whole.

    Raises:
        CheckpointError: when the place cannot be written; what was there is then untouched.
    """
    temporary = _beside(path)
    try:
        _remove_leftovers(path)
        _write_synced(temporary, data)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise CheckpointError(_cannot_write(path, error)) from error


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write a folder of files, replacing the one that may be there only once this one is whole.

    Raises:
        CheckpointError: when the place cannot be written; what was there is then untouched.
    """
    given, folder = folder, folder.resolve()  # "." needs a name, and a link stays a link
    temporary = _beside(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for name, data in files.items():
            _write_synced(temporary / name, data)
        sync_folder(temporary)
        _swap(temporary, folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise CheckpointError(_cannot_write(given, error)) from error
    return given


def check_writable(folder: Path, *, purpose: str) -> None:
    """Make ``folder`` and a file in it now, so that the error does not come after the training.

    Raises:
        CheckpointError: naming the folder and the reason.
    """
    probe = folder / f".{os.getpid()}.probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CheckpointError(f"{purpose} {_cannot_write(folder, error)}") from error


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power cut; a no-op on Windows."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def recovered(folder: Path) -> Path:
    """Return the folder, or the one it was about to replace when a crash left none of its name."""
    old = _previous(folder)
    return old if not folder.exists() and old.exists() else folder


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{_UNFINISHED}")


def _remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed while writing ``path`` have left beside it."""
    begins = f".{path.name}."
    with os.scandir(path.parent) as entries:
        names = [e.name for e in entries if e.name.startswith(begins)]
    for name in names:
        pid = name.removeprefix(begins).removesuffix(_UNFINISHED)
        if name.endswith(_UNFINISHED) and pid.isdecimal() and not is_alive(int(pid)):
            remove(path.with_name(name))


def remove(path: Path) -> None:
    """Delete a file or a folder, if it can be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def is_alive(pid: int) -> bool:
    """Say whether a process of this machine runs, as far as can be known."""
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


def _previous(folder: Path) -> Path:
    folder = folder.resolve()
    return folder.with_name(f".{folder.name}.previous")


def _swap(temporary: Path, folder: Path) -> None:
    """Put ``temporary`` in the place of ``folder``; `recovered` finds the old one in between."""
    old = _previous(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    try:
        temporary.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _cannot_write(path: Path, error: OSError) -> str:
    in_the_way = next((place for place in (path, *path.parents) if place.is_file()), None)
    if in_the_way is not None and isinstance(error, FileExistsError | NotADirectoryError):
        reason = f"{in_the_way} is a file, not a folder"
    else:
        reason = str(error.strerror)
    return f"cannot write {path}: {reason}. Give a folder that you may write to."
