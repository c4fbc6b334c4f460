"""Move one file so that it is never lost and nothing is ever overwritten.

At every instant, also of a kill or a power cut, at least one of both places holds the whole file.
"""

import errno
import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from learnkit.files import sync_folder

_CHUNK = 1 << 20


def move_new(source: Path, target: Path, sha256: str | None) -> None:
    """Move ``source`` to ``target``, which must not exist; make its folders.

    The file gets its second name first, by a hard link, or on another file system by a copy that
    is flushed and compared; only then does it lose the first one. A link is moved as a link.

    Args:
        source: the file.
        target: where to.
        sha256: what the content must be; None where it could not be read.

    Raises:
        OSError: when it cannot be done, the place is taken, or the content is another one. The
            file is then where it was, and only there.
    """
    _check_open(source.parent)
    make_folder(target.parent)
    link = source.is_symlink()
    if link:
        target.symlink_to(source.readlink())
    else:
        _second_name(source, target)
    try:
        if not link and sha256 is not None and sha256_of(target) != sha256:
            raise OSError("its content is not what it was when it was checked")
        sync_folder(target.parent)
        source.unlink()
    except BaseException:
        if os.path.lexists(source):
            target.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # it is done; a power cut now would leave both names
        sync_folder(source.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each flushed to the disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    _check_open(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    sync_folder(folder.parent)


def _check_open(folder: Path) -> None:
    """Refuse a folder that nobody may write to: the superuser could, and did not mean to."""
    if not folder.stat().st_mode & 0o222:
        raise PermissionError(errno.EACCES, f"{folder} is write-protected")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _second_name(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:  # another file system, or one without hard links
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    """Copy to a hidden name, flush, and give it its own name at once."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as copy, source.open("rb") as file:
            shutil.copyfileobj(file, copy, _CHUNK)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(source, unfinished)
        _name_it(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _name_it(unfinished: Path, target: Path) -> None:
    try:
        target.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:  # no hard links here: look first, then rename
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "File exists", str(target)) from None
        unfinished.rename(target)
