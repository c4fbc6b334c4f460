"""A folder to work in beside the one that will be made, for one process at a time.

A process that is killed leaves its folder there; the next one that works on the same name removes
it. Knows nothing of what is made.
"""

import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from learnkit.files import is_alive

_ENDING: Final = ".unfinished"
_OLD: Final = 7 * 24 * 3600  # seconds, after which nobody works in a folder any more


@contextmanager
def locked(folder: Path, name: str) -> Iterator[bool]:
    """Let one process at a time work on ``name`` in ``folder``; the others wait.

    Yields:
        Whether that is so: False where the system or the disk has no locks.
    """
    path = folder / f".{name}.lock"
    descriptor = _take(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)  # while it is ours: the next one makes its own
            _give_back(descriptor)


def _take(path: Path) -> int | None:
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if sys.stderr is not None and sys.stderr.isatty():
                sys.stderr.write(f"waiting for another process, which has {path}\n")
            with _closed_if_interrupted(descriptor):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # a disk without locks
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # the one before us has removed the file that we waited for


def _give_back(descriptor: int) -> None:
    import fcntl

    # closing alone would leave it to processes that were forked meanwhile
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def _closed_if_interrupted(descriptor: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(descriptor)
        raise


@contextmanager
def workplace(folder: Path, name: str) -> Iterator[Path]:
    """Give a new folder in ``folder``, and remove it at the end.

    Those that killed processes have left for the same name are removed first: the ones of this
    machine whose process is gone, and any that is a week old.

    Raises:
        OSError: when ``folder`` cannot be written to.
    """
    ours = re.compile(
        rf"\.{re.escape(name)}-(?P<machine>[A-Za-z0-9]+)-(?P<process>[0-9]+)-\w+{_ENDING}"
    )
    with os.scandir(folder) as entries:
        found = [(e.path, ours.fullmatch(e.name), e.is_dir(follow_symlinks=False)) for e in entries]
    for place, named, is_folder in found:
        if named and is_folder and _is_abandoned(Path(place), named):
            shutil.rmtree(place, ignore_errors=True)
    prefix = f".{name}-{_machine()}-{os.getpid()}-"
    own = Path(tempfile.mkdtemp(prefix=prefix, suffix=_ENDING, dir=folder))
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9]", "", platform.node())[:32] or "unnamed"


def _is_abandoned(place: Path, named: re.Match[str]) -> bool:
    with suppress(OSError):
        if time.time() - place.stat().st_mtime > _OLD:
            return True
    return named["machine"] == _machine() and not is_alive(int(named["process"]))
