"""Unpack an archive that nobody vouches for.

Only plain files and folders below the archive's own folder are written; a member that is a link, a
device, or that leads out of the folder, ends it with an error.
"""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Final, TypeAlias

from learnkit.errors import DataError

Opener: TypeAlias = Callable[[], IO[bytes]]
Members: TypeAlias = Generator[tuple[str, Opener | None], None, None]

SUFFIXES: Final = (".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".zip")


def unpack(archive: Path, folder: Path) -> None:
    """Write the members of ``archive`` into the new folder ``folder``.

    Raises:
        DataError: for a damaged archive, or a member that is no plain file or leads outside.
    """
    folder.mkdir()
    members = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
    try:
        with closing(members(archive)) as found:
            for name, content in found:
                _write(folder.joinpath(*_safe_parts(name, archive)), content)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError) as error:
        raise DataError(f"{archive.name} is damaged: {error}. Fetch it again.") from error
    except OSError as error:
        raise DataError(f"{archive.name} could not be unpacked: {error}.") from error


def _write(place: Path, content: Opener | None) -> None:
    """Make a folder, or a file when there is content."""
    if content is None:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file, content() as stream:
        shutil.copyfileobj(stream, file)


def _tar_members(archive: Path) -> Members:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isdir():
                yield member.name, None
            elif member.isfile():
                yield member.name, partial(_open_tar, tar, member)
            else:
                kind = "a link" if member.issym() or member.islnk() else "no plain file"
                raise _refused(archive, member.name, f"is {kind}")


def _zip_members(archive: Path) -> Members:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _refused(archive, member.filename, "is a link")
            yield member.filename, None if member.is_dir() else partial(packed.open, member)


def _open_tar(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    if stream is None:  # no file after all
        raise tarfile.TarError(f"{member.name!r} has no content")
    return stream


def _safe_parts(name: str, archive: Path) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise _refused(archive, name, "leads out of its folder")
    return path.parts


def _refused(archive: Path, name: str, why: str) -> DataError:
    return DataError(
        f"{archive.name} holds {name!r}, which {why}. Data has no need of that, so nothing was "
        f"unpacked."
    )
