"""Unpack an archive that nobody vouches for.

Only plain files and folders below the archive's own folder are written, with the rights that any
new file has. A member that is a link, a device, or that leads out of the folder, ends it with an
error, and so does more data than was allowed.
"""

import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from learnkit.data.archive_limits import Allowance, Counted, Limits
from learnkit.data.decompress import decompressed
from learnkit.data.member import BadArchive, Member, Members, refused, safe_parts
from learnkit.data.tar_members import tar_members
from learnkit.data.zip_members import zip_members
from learnkit.errors import DataError
from learnkit.regular_file import open_regular, size_of

_CHUNK: Final = 1 << 20


def unpack(
    archive: Path, folder: Path, *, name: str | None = None, limits: Limits | None = None
) -> None:
    """Write the members of ``archive`` into the new folder ``folder``.

    What was written before an error stays there; the caller removes the folder.

    Args:
        archive: the file.
        folder: must not exist.
        name: of the archive, when its file has another one; decides whether it is a zip.
        limits: how much may be written.

    Raises:
        BadArchive: for a damaged archive, or a member that is no plain file, leads outside, or is
            there twice.
        DataError: when more would be written than ``limits`` allow, or nothing can be.
    """
    name = name or archive.name
    folder.mkdir()
    made = {folder}
    with _explained(name), open_regular(archive) as file:
        free = shutil.disk_usage(folder).free
        allowance = Allowance(name, size_of(file), free, limits or Limits())
        for member in _members(file, name, allowance):
            _write(member, folder, name, made)


def _members(file: BinaryIO, name: str, allowance: Allowance) -> Members:
    if name.lower().endswith(".zip"):
        yield from zip_members(file, name, allowance)
        return
    for member in tar_members(Counted(decompressed(file), allowance), name):
        allowance.count()
        yield member


def _write(member: Member, folder: Path, archive: str, made: set[Path]) -> None:
    try:
        parts = safe_parts(member.name)
    except ValueError as error:
        raise refused(archive, member.name, str(error)) from None
    place = folder.joinpath(*parts)
    parent = place if member.content is None else place.parent
    try:
        if parent not in made:
            parent.mkdir(parents=True, exist_ok=True)
            made.add(parent)
        if member.content is not None:
            with place.open("xb") as file:
                while chunk := member.content.read(_CHUNK):
                    file.write(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        # also names that this disk does not tell apart
        raise refused(archive, member.name, "is there twice") from None


@contextmanager
def _explained(archive: str) -> Iterator[None]:
    """Turn what the readers of archives raise into errors that say what to do."""
    import lzma

    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        NotImplementedError,
        ValueError,
        struct.error,
    ) as error:
        raise BadArchive(f"{archive} is damaged: {error}. Fetch it again.") from error
    except OSError as error:
        if error.errno is None:  # gzip's and bzip2's way to say that the data is wrong
            raise BadArchive(f"{archive} is damaged: {error}. Fetch it again.") from error
        raise DataError(f"{archive} could not be unpacked: {error}.") from error
