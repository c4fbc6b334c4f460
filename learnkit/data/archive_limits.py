"""How much an archive may unpack to, and the counting of it while it is unpacked.

Knows no kind of archive.
"""

from dataclasses import dataclass
from typing import Final

from learnkit.data.member import Content
from learnkit.errors import DataError

GIB: Final = 1 << 30
_ALWAYS: Final = 64 << 20  # however small the archive, so many bytes fill no disk
_KEPT_FREE: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an archive may unpack to at most.

    Attributes:
        unpacked: bytes.
        ratio: bytes for each byte of the archive; 64 MiB may be unpacked in any case.
        members: files and folders.
    """

    unpacked: int = 200 * GIB
    ratio: float = 100.0
    members: int = 2_000_000


class Allowance:
    """What is left of the limits for one archive.

    Args:
        archive: its name, for messages.
        size: of the archive in bytes.
        free: bytes on the disk.
        limits: see there.
    """

    def __init__(self, archive: str, size: int, free: int, limits: Limits) -> None:
        self._archive, self._limits = archive, limits
        packed = max(int(size * limits.ratio), _ALWAYS)
        option = "If the archive is right, give untar_data a larger {}=."
        self._bytes, self._advice = min(
            (limits.unpacked, option.format("max_unpacked")),
            (packed, option.format("max_ratio")),
            (max(0, free - _KEPT_FREE), "Make room on the disk, or give untar_data another dest=."),
        )
        self._spent = self._members = 0

    def spend(self, nbytes: int) -> None:
        """Count bytes before they are written.

        Raises:
            DataError: when they would be too many.
        """
        self.expect(nbytes)
        self._spent += nbytes

    def expect(self, nbytes: int) -> None:
        """Say in advance how many bytes will be counted.

        Raises:
            DataError: when they would be too many.
        """
        if self._spent + nbytes > self._bytes:
            raise DataError(
                f"{self._archive} unpacks to more than the {self._bytes:,} bytes that are allowed "
                f"here, so it was left packed. {self._advice}"
            )

    def count(self, members: int = 1) -> None:
        """Count files and folders before they are made.

        Raises:
            DataError: when they would be too many.
        """
        self._members += members
        if self._members > self._limits.members:
            raise DataError(
                f"{self._archive} holds more than {self._limits.members:,} files and folders, so "
                "it was left packed. If the archive is right, give untar_data a larger "
                "max_members=."
            )


class Counted:
    """A stream, each byte of which is counted when it is read."""

    def __init__(self, stream: Content, allowance: Allowance) -> None:
        self._stream, self._allowance = stream, allowance

    def read(self, size: int, /) -> bytes:
        """Return the next bytes.

        Raises:
            DataError: when they are more than allowed.
        """
        data = self._stream.read(size)
        self._allowance.spend(len(data))
        return data
