"""Read the members of a zip archive that nobody vouches for.

Python's ``zipfile`` does the reading, after a count of the entries that it would keep in memory.
The format is PKWARE's APPNOTE 6.3.10.
"""

import itertools
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from learnkit.data.archive_limits import Allowance, Counted
from learnkit.data.member import BadArchive, Member, refused

_PLAIN: Final = (0, stat.S_IFREG, stat.S_IFDIR)
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_LOCAL_HEADER: Final = 30  # bytes before the name
_ENTRY: Final = 46  # likewise, in the central directory
_END: Final = 22
_MAX_COMMENT: Final = 1 << 16


def zip_members(file: BinaryIO, archive: str, allowance: Allowance) -> Iterator[Member]:
    """Give the files and folders of a zip archive, in the order of its directory.

    Everything that can be known before unpacking is checked before the first member is given.

    Args:
        file: the archive.
        archive: its name, for messages.
        allowance: what it may unpack to.

    Raises:
        zipfile.BadZipFile: when it is damaged.
        DataError: when it unpacks to too much, needs a password, or holds what is no plain file.
    """
    allowance.count(_n_entries(file))
    with zipfile.ZipFile(file) as packed:
        entries = packed.infolist()
        for entry in entries:
            _check(entry, archive)
        _check_overlaps(entries, packed.start_dir)
        allowance.expect(sum(entry.file_size for entry in entries))
        for entry in entries:
            if entry.is_dir():
                yield Member(entry.filename, None)
                continue
            with packed.open(entry) as content:
                yield Member(entry.filename, Counted(content, allowance))


def _check(entry: zipfile.ZipInfo, archive: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise refused(archive, entry.filename, "is a link")
    if kind not in _PLAIN:
        raise refused(archive, entry.filename, "is no plain file")
    if entry.flag_bits & 1:
        raise BadArchive(
            f"{archive} needs a password. Unpack it by another program, and give learnkit the "
            "folder."
        )
    if entry.compress_type not in _METHODS:
        raise BadArchive(
            f"{archive} is packed by method {entry.compress_type} of zip, which is not read here. "
            "Unpack it by another program, and give learnkit the folder."
        )


def _check_overlaps(entries: Sequence[zipfile.ZipInfo], end: int) -> None:
    """Refuse members that share bytes: a small archive can unpack to any size by them.

    Fifield, 2019, "A better zip bomb", WOOT 19.
    """
    places = sorted((e.header_offset, _LOCAL_HEADER + e.compress_size) for e in entries)
    for (start, size), (following, _) in itertools.pairwise([*places, (end, 0)]):
        if start < 0 or start + size > following:
            raise zipfile.BadZipFile("its members overlap")


def _n_entries(file: BinaryIO) -> int:
    """Count the entries of the central directory without keeping any."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END - _MAX_COMMENT))
    tail = file.read()
    plain = len(tail) - _END  # where it is if there is no comment
    is_plain = tail[plain : plain + 4] == b"PK\5\6" and tail[-2:] == b"\0\0"
    at = plain if is_plain else tail.rfind(b"PK\5\6")
    if at < 0 or at + _END > len(tail):
        raise zipfile.BadZipFile("it has no directory")
    (length,) = struct.unpack_from("<L", tail, at + 12)
    end = size - len(tail) + at
    if at >= 76 and tail[at - 20 : at - 16] == b"PK\6\7":  # of more than 4 GiB
        end -= 76
        (length,) = struct.unpack_from("<Q", tail, at - 76 + 40)
    count, place = 0, end - length
    while place < end:
        file.seek(max(0, place))
        entry = file.read(_ENTRY)
        if len(entry) < _ENTRY or entry[:4] != b"PK\1\2":
            raise zipfile.BadZipFile("its directory is damaged")
        place += _ENTRY + sum(struct.unpack_from("<HHH", entry, 28))
        count += 1
    return count
