"""Read the members of a tar archive that nobody vouches for, from its beginning to its end.

Python's ``tarfile`` parses a single header for us. Its own loop is not used: it keeps every member
in memory, reads an extended header of any length at once, and builds the map of a sparse file
however long that is. The format is POSIX.1-2017, "pax Interchange Format", and GNU's long names.
"""

import tarfile
from collections.abc import Iterator
from typing import Final

from learnkit.data.member import Content, Member, refused

_BLOCK: Final = tarfile.BLOCKSIZE
_MAX_EXTENDED: Final = 1 << 20  # bytes of one extended header; a path has at most 4,096
_PAX: Final = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
_LONG: Final = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_FILES: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_SPARSE: Final = "GNU.sparse."  # keywords of a sparse file begin with it
_CHUNK: Final = 1 << 20


def tar_members(stream: Content, archive: str) -> Iterator[Member]:
    """Give the files and folders of a tar archive, in its order.

    Args:
        stream: the archive, unpacked.
        archive: its name, for messages.

    Raises:
        tarfile.TarError: when it is damaged.
        EOFError: when it is cut off.
        BadArchive: for a link, a device, a sparse file or anything else that is no plain file.
    """
    everywhere: dict[str, str] = {}
    extended: dict[str, str] = {}
    while (header := _next_header(stream)) is not None:
        if header.type in _PAX or header.type in _LONG:
            found = _extended(stream, header)
            (everywhere if header.type == tarfile.XGLTYPE else extended).update(found)
            continue
        facts = {**everywhere, **extended}
        extended.clear()
        name = facts.get("path", header.name).rstrip("/") or "."
        _check_kind(header, facts, name, archive)
        content = _Part(stream, 0 if header.isdir() else _size(facts, header.size))
        yield Member(name, None if header.isdir() else content)
        content.skip()
    while stream.read(_CHUNK):  # what packs it has a checksum at its end
        pass


def _next_header(stream: Content) -> tarfile.TarInfo | None:
    block = stream.read(_BLOCK)
    if not block.strip(b"\0"):  # the end mark, or the end
        return None
    header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    if header.size < 0:
        raise tarfile.HeaderError("a member has less than no bytes")
    return header


def _check_kind(header: tarfile.TarInfo, facts: dict[str, str], name: str, archive: str) -> None:
    if header.issym() or header.islnk():
        raise refused(archive, name, "is a link")
    if _SPARSE in facts or not (header.type in _FILES or header.isdir()):
        raise refused(archive, name, "is no plain file")


def _size(facts: dict[str, str], size: int) -> int:
    """Return the bytes that follow the header; an extended one has the last word."""
    said = facts.get("size")
    if said is None:
        return size
    if not (said.isascii() and said.isdecimal() and len(said) < 20):
        raise tarfile.HeaderError(f"a member has {said[:20]!r} bytes")
    return int(said)


def _extended(stream: Content, header: tarfile.TarInfo) -> dict[str, str]:
    """Read what an extended header says of the next member, or of all."""
    if header.size > _MAX_EXTENDED:
        raise tarfile.HeaderError(f"an extended header has {header.size:,} bytes")
    part = _Part(stream, header.size)
    data = part.read(header.size)
    part.skip()
    if header.type == tarfile.GNUTYPE_LONGLINK:
        return {}
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": _text(data.partition(b"\0")[0])}
    # of no more than is used: every member's facts begin with what is said of all
    found = dict(_records(data))
    used = {name: found[name] for name in ("path", "size") if name in found}
    return used | ({_SPARSE: ""} if any(name.startswith(_SPARSE) for name in found) else {})


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    """Give the pairs of ``LENGTH KEYWORD=VALUE`` lines; the length counts the whole line."""
    start = 0
    while start < len(data):
        digits, space, _ = data[start : start + 8].partition(b" ")
        end = start + (int(digits) if digits.isdigit() else 0)
        keyword, equals, value = data[start + len(digits) + 1 : end].partition(b"=")
        if not (space and equals and value.endswith(b"\n")) or end > len(data):
            raise tarfile.HeaderError("an extended header is damaged")
        yield _text(keyword), _text(value[:-1])
        start = end


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


class _Part:
    """The content of one member, and the zeros that fill up its last block."""

    def __init__(self, stream: Content, size: int) -> None:
        self._stream, self._left, self._padding = stream, size, -size % _BLOCK

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self._left))
        if len(data) < min(size, self._left):
            raise EOFError("the archive ends within a member")
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Read to the beginning of the next header."""
        while self._left:
            self.read(_CHUNK)
        if len(self._stream.read(self._padding)) < self._padding:
            raise EOFError("the archive ends within a member")
        self._padding = 0
