"""The part of a download that is there, and what the server said of the whole.

Knows no network.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final

from learnkit.regular_file import read_regular

_MAX_FACTS: Final = 10_000  # bytes


@dataclass(frozen=True, slots=True)
class Version:
    """What a server says of a file, to tell it from another one under the same address.

    Attributes:
        url: the address that was asked for.
        etag: its strong ETag, or empty.
        modified: its Last-Modified, or empty.
        length: bytes, or -1 when it did not say.
    """

    url: str
    etag: str = ""
    modified: str = ""
    length: int = -1

    @property
    def mark(self) -> str:
        """For If-Range (RFC 9110, 13.1.5); empty when the file cannot be told from another."""
        return self.etag or self.modified


class PartFile:
    """A file that is downloaded bit by bit, with ``.json`` beside it for what the server said.

    Args:
        path: of the file. Nobody else may be writing it.
        url: where it comes from; a part of another address counts as none.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path, self._url = path, url
        self._facts = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        there = self.path.is_file() and not self.path.is_symlink()
        return self.path.stat().st_size if there else 0

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are there that the server spoke of."""
        return self.size > 0 and self.size == self.version().length

    def version(self) -> Version:
        """Return what is known of the file that the part is of."""
        try:
            raw = json.loads(read_regular(self._facts, max_bytes=_MAX_FACTS))
            found = Version(raw["url"], raw["etag"], raw["modified"], raw["length"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return Version(self._url)
        texts = (found.url, found.etag, found.modified)
        known = all(isinstance(text, str) for text in texts) and isinstance(found.length, int)
        return found if known and found.url == self._url else Version(self._url)

    def begin(self, version: Version) -> None:
        """Forget what is there, and note what the server says of the file that comes now."""
        self.forget()
        with _open_own(self._facts) as file:
            file.write(json.dumps(asdict(version)).encode())

    def open_end(self) -> BinaryIO:
        """Open the file to write behind what is there."""
        file = _open_own(self.path)
        file.seek(0, os.SEEK_END)
        return file

    def forget(self) -> None:
        """Delete the part, and what is known of it."""
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)


def _open_own(path: Path) -> BinaryIO:
    """Open a file to write; a link that somebody put in its place is no such file."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+b")
