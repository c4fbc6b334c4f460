"""Fetch an archive of data once and unpack it safely.

Knows nothing of what is in the archive.
"""

import hashlib
import os
import re
import urllib.parse
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from learnkit.data.archive_limits import GIB, Limits
from learnkit.data.cache_folder import home_folder
from learnkit.data.member import BadArchive, safe_parts
from learnkit.data.urls import Archive, URLs
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.regular_file import open_regular

# What does the work is imported when there is some: few programs fetch data.
if TYPE_CHECKING:
    from learnkit.data.part_file import PartFile

__all__ = ["Archive", "URLs", "untar_data"]

_SUFFIXES: Final = (".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".zip")
_SHA256: Final = re.compile("[0-9a-fA-F]{64}")


@checked_keywords
def untar_data(
    archive: Archive | str,
    *,
    dest: str | os.PathLike[str] | None = None,
    sha256: str | None = None,
    max_bytes: int = 50 * GIB,
    max_unpacked: int = 200 * GIB,
    max_ratio: float = 100.0,
    max_members: int = 2_000_000,
) -> Path:
    """Return the folder with the data of an archive; download and unpack it when it is not there.

    Nothing half done is ever seen: the folder appears under its name when all of it is unpacked.
    An archive file that lies in ``dest`` already is used instead of downloading. A download that
    was cut off, or whose process was killed, is gone on with by the next call. When several
    processes call this at once, one does the work and the others wait for it.

    Args:
        archive: one of ``URLs``, or an https:// or file:// address of a .tgz, .tar.* or .zip.
        dest: the folder to put it in; by default ``data`` in ``~/.cache/learnkit``, or in the
            folder that the environment variable LEARNKIT_HOME names.
        sha256: of the archive file, to be checked.
        max_bytes: of the archive file, when it is downloaded.
        max_unpacked: bytes of all that is unpacked.
        max_ratio: bytes unpacked for each byte of the archive file; 64 MiB in any case.
        max_members: files and folders in the archive.

    Returns:
        The folder that the archive holds, or a folder with all it holds.

    Raises:
        DataError: when it cannot be fetched, is another file than it should be, is larger than
            allowed, or holds anything but plain files and folders below its own.
    """
    if isinstance(archive, str):
        archive = Archive(archive, archive)
    sha256 = _checked_sha256(sha256 or archive.sha256)
    file_name, folder_name = _names_of(archive.url)
    folder = home_folder() / "data" if dest is None else Path(dest).expanduser()
    target = folder / folder_name
    if target.is_dir():
        return target
    from learnkit.data.workplace import locked, workplace

    limits = Limits(unpacked=max_unpacked, ratio=max_ratio, members=max_members)
    job = _Job(archive, sha256, folder, file_name, target, max_bytes, limits)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, folder_name) as alone, workplace(folder, folder_name) as work:
            # without a lock another process may be at it: then each has a part of its own
            return target if target.is_dir() else job.run(work, folder if alone else work)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to: {error.strerror}. Give untar_data another dest=, or "
            f"set LEARNKIT_HOME to a folder of yours."
        ) from error


def _checked_sha256(sha256: str | None) -> str | None:
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise DataError(f"sha256 must be 64 hexadecimal digits; found {sha256!r}.")
    return None if sha256 is None else sha256.lower()


def _names_of(url: str) -> tuple[str, str]:
    """Return the names of the archive file and of the folder it is unpacked to."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("https", "file"):
        raise DataError(
            f"untar_data takes one of URLs, or an address that begins with https:// or file://; "
            f"found {url!r}."
        )
    file_name = urllib.parse.unquote(parts.path).replace("\\", "/").rpartition("/")[2]
    suffix = next((s for s in _SUFFIXES if file_name.lower().endswith(s)), "")
    folder_name = file_name[: -len(suffix)] if suffix else ""
    with suppress(ValueError):
        if safe_parts(folder_name) == (folder_name,):
            return file_name, folder_name
    raise DataError(f"{url} names no archive: it must end in one of {', '.join(_SUFFIXES)}.")


@dataclass(frozen=True, slots=True)
class _Job:
    """One archive that becomes one folder."""

    archive: Archive
    sha256: str | None
    folder: Path
    file_name: str
    target: Path
    max_bytes: int
    limits: Limits

    def run(self, work: Path, parts: Path) -> Path:
        """Fetch, check and unpack in the folder ``work``, then put the result into its place."""
        from learnkit.data.part_file import PartFile
        from learnkit.data.unpack import unpack

        # files of one name from two addresses are kept apart
        address = hashlib.sha256(self.archive.url.encode()).hexdigest()[:16]
        part = PartFile(parts / f".{self.file_name}-{address}.part", self.archive.url)
        local = self._local() or self._download(part)
        try:
            self._check_sha256(local)
            unpack(local, work / "unpacked", name=self.file_name, limits=self.limits)
        except BadArchive:
            part.forget()  # it will be no better the next time
            raise
        place = _put_in_place(work / "unpacked", self.target)
        part.forget()
        return place

    def _local(self) -> Path | None:
        """Return the archive file if it is on this machine."""
        from urllib.request import url2pathname

        parts = urllib.parse.urlsplit(self.archive.url)
        if parts.scheme == "file":
            return Path(url2pathname(parts.path))
        local = self.folder / self.file_name
        return local if local.exists() else None

    def _download(self, part: "PartFile") -> Path:
        from learnkit.data.download import TooLargeError, download

        archive = self.archive
        try:
            download(archive.url, part, max_bytes=self.max_bytes, title=archive.name)
        except TooLargeError as error:
            raise DataError(f"{archive.name} was not fetched: {error}.") from error
        except OSError as error:
            raise DataError(
                f"{archive.name} is not on this machine and could not be fetched: {error}. "
                f"Fetch {archive.url} where there is a network and put {self.file_name} into "
                f"{self.folder}, or unpack it as {self.target}; then call this again."
            ) from error
        return part.path

    def _check_sha256(self, file: Path) -> None:
        try:
            with open_regular(file) as stream:
                found = self.sha256 and hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise DataError(
                f"{file} cannot be read: {error.strerror}. Give untar_data the address of an "
                "archive file."
            ) from error
        if found != self.sha256:
            raise BadArchive(
                f"{self.file_name} of {self.archive.url} is not the file it should be: expected "
                f"SHA-256 {self.sha256}, found {found}. Nothing was unpacked."
            )


def _put_in_place(unpacked: Path, target: Path) -> Path:
    """Rename what was unpacked; an archive's only folder takes the place of the whole."""
    entries = [entry for entry in unpacked.iterdir() if not entry.name.startswith("._")]
    if len(entries) == 1 and entries[0].is_dir():
        unpacked = entries[0]
    # another process may have been faster; its folder holds the same
    with suppress(OSError):
        unpacked.rename(target)
    if not target.is_dir():
        raise DataError(f"{target} could not be made: another file may have that name.")
    return target
