"""Download a file over https, and go on where an earlier download was cut off.

Knows nothing of what the file holds.
"""

import http.client
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from learnkit.data.part_file import PartFile, Version
from learnkit.errors import DataError

Advance: TypeAlias = Callable[[int], object]

_TIMEOUT: Final = 30.0  # seconds without a byte
_CHUNK: Final = 1 << 20
_ATTEMPTS: Final = 10  # each of which brought the download forward


class TooLargeError(DataError):
    """A file is larger than it may be, or than the disk has room for."""


class _OtherFileError(OSError):
    """The server goes on with another file than the one that was begun, or at another place."""


def download(url: str, part: PartFile, *, max_bytes: int, title: str) -> None:
    """Fetch ``url`` into the file ``part``.

    What is there of it is completed, if the server says that it still has the same file. What is
    there when an error is raised stays there for the next call, unless it is of no use.

    Args:
        url: an https:// address. Redirections off https are refused.
        part: where to.
        max_bytes: how large the file may be.
        title: for the progress bar, which is drawn when stderr is a terminal.

    Raises:
        TooLargeError: when it is larger than ``max_bytes``, or than the disk has room for.
        OSError: for anything else that goes wrong; ``str`` of it says what.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        before = part.size
        try:
            _go_on(url, part, max_bytes, title)
            return
        except (OSError, http.client.HTTPException) as error:
            forward = part.size > before and part.version().mark
            if not forward or attempt == _ATTEMPTS:
                raise OSError(_reason(error, part)) from error


def _go_on(url: str, part: PartFile, max_bytes: int, title: str) -> None:
    """Ask once for what is not there, or for all when that is of another file."""
    if part.is_whole:
        return
    if not part.version().mark:
        part.forget()
    try:
        _ask(url, part, max_bytes, title)
    except _OtherFileError:
        if not part.size:
            raise
        part.forget()
        _ask(url, part, max_bytes, title)


def _ask(url: str, part: PartFile, max_bytes: int, title: str) -> None:
    have = part.size
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": part.version().mark}
    request = urllib.request.Request(url, headers=headers)
    with _opened(request) as response:
        if response.status == 200:
            part.begin(_version(url, response))
        elif not have or not _continues(response, part):
            raise _OtherFileError("the server sent another part of it than was asked for")
        length = part.version().length
        _check_room(part, length, max_bytes)
        with _progress(title, length, part.size) as advance:
            _append(response, part, length, max_bytes, advance)


@contextmanager
def _opened(request: urllib.request.Request) -> Iterator[Any]:
    opener = urllib.request.build_opener(_HttpsOnly)
    try:
        with opener.open(request, timeout=_TIMEOUT) as response:
            yield response
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # there is nothing at the place from which on it was asked for
            raise _OtherFileError(str(error)) from error
        raise


def _version(url: str, response: Any) -> Version:
    etag = response.headers.get("ETag", "")
    return Version(
        url,
        etag if etag.startswith('"') else "",  # W/ marks a weak one, which says nothing of bytes
        response.headers.get("Last-Modified", ""),
        _whole(response.headers.get("Content-Length", "")),
    )


def _continues(response: Any, part: PartFile) -> bool:
    """Whether an answer is the rest of the file that was begun."""
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    places, _, length = rest.partition("/")
    known, now = part.version(), _version("", response)
    return (
        response.status == 206
        and unit == "bytes"
        and _whole(places.partition("-")[0]) == part.size
        and (known.length < 0 or _whole(length) in (known.length, -1))
        and now.etag in (known.etag, "")
        and now.modified in (known.modified, "")
    )


def _whole(digits: str) -> int:
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else -1


def _append(response: Any, part: PartFile, length: int, max_bytes: int, advance: Advance) -> None:
    """Write what comes behind what is there."""
    have = part.size
    with part.open_end() as file:
        while have != length:
            chunk = response.read1(min(_CHUNK, length - have) if length >= 0 else _CHUNK)
            if not chunk:
                break
            have += len(chunk)
            if have > max_bytes:
                part.forget()
                raise _too_large(f"more than {max_bytes:,} bytes")
            file.write(chunk)
            file.flush()  # what a killed process has not passed on is lost
            advance(len(chunk))
    if length >= 0 and have != length:
        raise OSError(f"the connection ended after {have:,} of {length:,} bytes")


def _check_room(part: PartFile, length: int, max_bytes: int) -> None:
    if length > max_bytes:
        part.forget()
        raise _too_large(f"{length:,} bytes, more than {max_bytes:,}")
    free = shutil.disk_usage(part.path.parent).free
    if length - part.size > free:
        raise TooLargeError(
            f"it has {length:,} bytes, but the disk of {part.path.parent} has room for {free:,}. "
            "Make room, or give untar_data another dest="
        )


def _too_large(what: str) -> TooLargeError:
    return TooLargeError(f"it has {what}. If that is right, give untar_data a larger max_bytes=")


def _reason(error: BaseException, part: PartFile) -> str:
    said = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
    reason = str(said) or type(error).__name__
    kept = part.size if part.version().mark else 0
    return f"{reason}; {kept:,} bytes are kept for the next call" if kept else reason


@contextmanager
def _progress(title: str, length: int, have: int) -> Iterator[Advance]:
    """Give a function to be told how many bytes came."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda n: None
        return
    from tqdm import tqdm

    total = length if length >= 0 else None
    with tqdm(total=total, initial=have, desc=title, unit="B", unit_scale=True) as bar:
        yield bar.update


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirections to https alone."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme != "https":
            fp.close()
            raise urllib.error.URLError(f"it was redirected to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
