import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learnkit.data.download import TooLargeError, download
from learnkit.data.part_file import PartFile, Version

CONTENT = bytes(i * 7 % 251 for i in range(100_000))
Get = Callable[..., bytes]


@pytest.fixture
def part(web: Any, tmp_path: Path) -> PartFile:
    web.content = CONTENT
    return PartFile(tmp_path / "file", web.url())


@pytest.fixture
def get(web: Any, part: PartFile) -> Get:
    def run(max_bytes: int = 1 << 20) -> bytes:
        download(web.url(), part, max_bytes=max_bytes, title="toys")
        return part.path.read_bytes()

    return run


def message(get: Get, kind: type[Exception] = OSError, **options: int) -> str:
    with pytest.raises(kind) as caught:
        get(**options)
    return str(caught.value)


def test_a_file_is_fetched_whole(web: Any, get: Get) -> None:
    assert get() == CONTENT
    assert web.asked == [(None, None)]


def test_a_whole_file_is_not_asked_for_again(web: Any, get: Get) -> None:
    get()
    assert get() == CONTENT
    assert len(web.asked) == 1


def test_a_connection_that_ends_early_is_taken_up_at_once(web: Any, get: Get) -> None:
    web.cuts = [30_000, 1, 20_000]
    assert get() == CONTENT
    assert web.asked == [
        (None, None),
        ("bytes=30000-", '"1"'),
        ("bytes=30001-", '"1"'),
        ("bytes=50001-", '"1"'),
    ]


def test_a_server_that_sends_nothing_more_is_given_up(web: Any, get: Get) -> None:
    web.cuts = [30_000, 0]
    assert message(get) == (
        "the connection ended after 30,000 of 100,000 bytes; 30,000 bytes are kept for the next "
        "call"
    )
    assert len(web.asked) == 2
    web.cuts = []
    assert get() == CONTENT
    assert web.asked[2:] == [("bytes=30000-", '"1"')]


def test_a_server_that_ends_each_time_is_given_up(web: Any, get: Get) -> None:
    web.cuts = [10] * 100
    message(get)
    assert len(web.asked) == 10


def test_a_part_of_a_killed_process_is_completed(web: Any, get: Get, part: PartFile) -> None:
    part.begin(Version(web.url(), etag='"1"', length=len(CONTENT)))
    part.path.write_bytes(CONTENT[:777])
    assert get() == CONTENT
    assert web.asked == [("bytes=777-", '"1"')]


def test_a_time_marks_a_file_where_there_is_no_etag(web: Any, get: Get) -> None:
    web.etag, web.modified, web.cuts = None, 1e9, [500]
    assert get() == CONTENT
    assert web.asked[1] == ("bytes=500-", "Sun, 09 Sep 2001 01:46:40 GMT")


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_what_cannot_be_told_from_another_file_is_not_gone_on_with(
    web: Any, get: Get, etag: str | None
) -> None:
    web.etag, web.cuts = etag, [500]
    assert message(get) == "the connection ended after 500 of 100,000 bytes"
    assert get() == CONTENT
    assert web.asked == [(None, None), (None, None)]


def test_a_server_without_ranges_starts_anew(web: Any, get: Get) -> None:
    web.ranges, web.cuts = False, [500]
    assert get() == CONTENT
    assert web.asked == [(None, None), ("bytes=500-", '"1"')]


@pytest.mark.parametrize("heeds", [True, False])
@pytest.mark.parametrize("length", [100_000, 100_100, 300])
def test_a_file_that_changed_meanwhile_is_never_glued_together(
    web: Any, get: Get, heeds: bool, length: int
) -> None:
    web.cuts = [500, 0]
    message(get)
    web.content, web.etag, web.heeds_if_range = bytes(length), '"2"', heeds
    assert get() == bytes(length)


def test_a_file_that_changed_without_another_mark_shows_by_its_length(web: Any, get: Get) -> None:
    web.cuts = [500, 0]
    message(get)
    web.content = bytes(9_999)
    assert get() == bytes(9_999)
    assert web.asked[2:] == [("bytes=500-", '"1"'), (None, None)]


def test_a_file_that_changed_shows_by_its_time(web: Any, get: Get) -> None:
    web.modified, web.cuts = 1e9, [500, 0]
    message(get)
    web.content, web.modified = bytes(100_000), 1.5e9
    assert get() == bytes(100_000)


@pytest.mark.parametrize(
    "span", ["bytes 0-99999/100000", "bytes 501-99999/100000", "items 500-99999/100000", "", "x"]
)
def test_another_part_than_was_asked_for_is_not_taken(web: Any, get: Get, span: str) -> None:
    web.cuts = [500, 0]
    message(get)
    web.headers["Content-Range"] = span
    assert get() == CONTENT
    assert web.asked[2:] == [("bytes=500-", '"1"'), (None, None)]


def test_a_part_that_nobody_asked_for_is_refused(web: Any, get: Get) -> None:
    web.status, web.headers = 206, {"Content-Range": "bytes 0-99999/100000"}
    assert message(get) == "the server sent another part of it than was asked for"


def test_a_length_that_is_too_small_ends_the_file(web: Any, get: Get) -> None:
    """What a server sends beyond its own word is not read: the sum or the archive will tell."""
    web.length = 10
    assert get() == CONTENT[:10]


def test_a_length_that_is_too_large_is_an_end_too_early(web: Any, get: Get) -> None:
    web.length, web.ranges = 100_001, False
    assert message(get).startswith("the connection ended after 100,000 of 100,001 bytes")


@pytest.mark.parametrize("length", [None, "-5", "many", "9" * 30])
def test_without_a_length_the_end_is_the_end(web: Any, get: Get, length: str | None) -> None:
    web.length = length
    assert get() == CONTENT


def test_too_long_a_file_is_not_even_begun(web: Any, get: Get, part: PartFile) -> None:
    assert message(get, TooLargeError, max_bytes=99_999) == (
        "it has 100,000 bytes, more than 99,999. If that is right, give untar_data a larger "
        "max_bytes="
    )
    assert list(part.path.parent.glob("file*")) == []


def test_a_server_that_never_ends_is_hung_up_on(web: Any, get: Get, part: PartFile) -> None:
    web.endless, web.length = True, None
    assert message(get, TooLargeError, max_bytes=1 << 20) == (
        "it has more than 1,048,576 bytes. If that is right, give untar_data a larger max_bytes="
    )
    assert web.sent < 64 << 20
    assert list(part.path.parent.glob("file*")) == []


def test_a_file_for_which_there_is_no_room_is_not_begun(
    get: Get, part: PartFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(part.path.parent)._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert message(get, TooLargeError) == (
        f"it has 100,000 bytes, but the disk of {part.path.parent} has room for 1,000. Make room, "
        "or give untar_data another dest="
    )


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_redirection_off_https_is_not_followed(web: Any, get: Get, scheme: str) -> None:
    web.redirect = f"{scheme}://127.0.0.1:{web.port}/other"
    assert message(get) == f"it was redirected to {web.redirect}, which is not encrypted"
    assert len(web.asked) == 1


def test_a_redirection_to_a_file_of_this_machine_is_not_followed(web: Any, get: Get) -> None:
    web.redirect = "file:///etc/passwd"
    assert message(get) == (
        "HTTP Error 302: Found - Redirection to url 'file:///etc/passwd' is not allowed"
    )


def test_a_redirection_without_end_is_given_up(web: Any, get: Get) -> None:
    web.redirect = web.url("other.tgz")
    assert "redirect" in message(get)


@pytest.mark.parametrize(
    ("status", "said"), [(404, "Not Found"), (403, "Forbidden"), (500, "Internal Server Error")]
)
def test_an_error_of_the_server_is_told(web: Any, get: Get, status: int, said: str) -> None:
    web.status = status
    assert message(get) == f"HTTP Error {status}: {said}"
    assert len(web.asked) == 1


def test_a_machine_that_does_not_answer_is_told(web: Any, tmp_path: Path) -> None:
    part = PartFile(tmp_path / "file", "https://127.0.0.1:1/x.tgz")
    with pytest.raises(OSError, match="refused"):
        download("https://127.0.0.1:1/x.tgz", part, max_bytes=10, title="x")


@pytest.mark.parametrize(
    "facts",
    [
        b"",
        b"[]",
        b"[" * 9_000,
        b'{"url": 1, "etag": 2, "modified": 3, "length": "4"}',
        b'{"url": "https://other.org/", "etag": "\\"1\\"", "modified": "", "length": 100000}',
    ],
)
def test_facts_that_are_damaged_or_of_another_address_count_as_none(
    web: Any, get: Get, part: PartFile, facts: bytes
) -> None:
    part.path.write_bytes(b"other")
    part.path.with_name("file.json").write_bytes(facts)
    assert get() == CONTENT
    assert web.asked == [(None, None)]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_in_the_place_of_the_part_is_not_written_through(
    web: Any, get: Get, part: PartFile, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine")
    part.path.symlink_to(tmp_path / "mine")
    assert get() == CONTENT
    assert (tmp_path / "mine").read_text() == "mine"
    assert not part.path.is_symlink()


def test_a_bar_is_drawn_on_a_terminal_only(
    web: Any, get: Get, part: PartFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    get()
    assert terminal.getvalue() == ""
    part.forget()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    get()
    assert "toys: 100%" in terminal.getvalue()
