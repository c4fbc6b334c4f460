"""What an archive holds, one thing after the other, and which names it may have.

Knows no kind of archive.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final, Protocol, TypeAlias

from learnkit.bounded_json import shorten
from learnkit.errors import DataError

MAX_DEPTH: Final = 64
_MAX_BYTES: Final = 255  # of one name, in every file system of today
# Microsoft, "Naming Files, Paths, and Namespaces"; with any ending
_RESERVED: Final = frozenset(
    {
        "CON",
        "PRN",
        "AUX",
        "NUL",
        *(f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"),
    }
)
_FORBIDDEN: Final = frozenset('<>:"|?*') | {chr(n) for n in range(32)}


class BadArchive(DataError):
    """An archive is damaged, or holds what no archive of data needs; to try again is no use."""


class Content(Protocol):
    """Bytes to be read from the beginning to the end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, fewer than ``size`` only at the end."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file or a folder in an archive.

    Attributes:
        name: as the archive has it.
        content: of a file, to be read before the next member is asked for; None for a folder.
    """

    name: str
    content: Content | None


Members: TypeAlias = Iterator[Member]


def refused(archive: str, name: str, why: str) -> BadArchive:
    """Return the error for a member that must not be unpacked."""
    return BadArchive(
        f"{archive} holds {shorten(name)}, which {why}. Data has no need of that, so nothing was "
        "unpacked."
    )


def leads_out(path: PurePosixPath, name: str) -> bool:
    """Say whether a path, made of ``name``, leads anywhere but below the folder it starts from."""
    return path.is_absolute() or ".." in path.parts or bool(PureWindowsPath(name).drive)


def safe_parts(name: str, *, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """Return the folders and the name that a member's name stands for.

    Args:
        name: as the archive has it, with slashes of either kind between its parts.
        windows: whether it must be a name that Windows takes for a file of its own.

    Raises:
        ValueError: saying why it cannot be a place below the archive's folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if leads_out(path, name):
        raise ValueError("leads out of its folder")
    if len(path.parts) > MAX_DEPTH:
        raise ValueError(f"lies deeper than {MAX_DEPTH} folders")
    for part in path.parts:
        if "\0" in part:
            raise ValueError("has a zero byte in its name")
        if len(_encoded(part)) > _MAX_BYTES:
            raise ValueError(f"has a name of more than {_MAX_BYTES} bytes")
        if windows and not _is_windows_name(part):
            raise ValueError("has a name that Windows does not take")
    return path.parts


def _encoded(part: str) -> bytes:
    try:
        return os.fsencode(part)
    except UnicodeEncodeError:
        raise ValueError("has a name that this machine cannot write") from None


def _is_windows_name(part: str) -> bool:
    stem = part.partition(".")[0].rstrip(" ").upper()
    return stem not in _RESERVED and part[-1] not in ". " and not _FORBIDDEN & set(part)
