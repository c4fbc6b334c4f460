"""Archives as Python's own ``tarfile`` writes them are read as it reads them; others are not."""

import io
import tarfile
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from learnkit.data.member import BadArchive
from learnkit.data.tar_members import tar_members

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
Facts = dict[str, Any]


def entry(name: str, content: bytes = b"", **facts: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in facts.items():
        setattr(info, key, value)
    return info, content


def tar_of(*entries: tuple[tarfile.TarInfo, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def header(name: str, size: int | bytes, kind: bytes = b"0", **facts: Any) -> bytes:
    """A header whose fields need not be right, with the right sum."""
    info, _ = entry(name, type=kind, **facts)
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size if isinstance(size, bytes) else b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def pax(*records: bytes, kind: bytes = b"x") -> bytes:
    content = b"".join(records)
    return header("pax", len(content), kind) + padded(content)


def record(keyword: bytes, value: bytes) -> bytes:
    rest = b" " + keyword + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    length += len(str(length)) > len(str(len(rest)))
    return b"%d" % length + rest


def members(data: bytes) -> list[tuple[str, bytes | None]]:
    found = []
    for member in tar_members(io.BytesIO(data), "x.tar"):
        content = None if member.content is None else b"".join(iter(_reader(member.content), b""))
        found.append((member.name, content))
    return found


def _reader(content: Any) -> Callable[[], bytes]:
    return lambda: content.read(300)


def refusal(data: bytes) -> str:
    with pytest.raises(BadArchive) as caught:
        members(data)
    return str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 5000])
def test_files_and_folders_are_given_in_their_order(kind: int, size: int) -> None:
    content = bytes(i % 251 for i in range(size))
    data = tar_of(entry("a", type=tarfile.DIRTYPE), entry("a/b", content), entry("c"), kind=kind)
    assert members(data) == [("a", None), ("a/b", content), ("c", b"")]


@pytest.mark.parametrize("kind", FORMATS[1:])
@pytest.mark.parametrize("name", ["d/" * 60 + "x", "n" * 200, "é" * 90, "caf\udce9"])
def test_long_and_foreign_names_are_read(kind: int, name: str) -> None:
    assert members(tar_of(entry(name, b"1"), entry("b", b"2"), kind=kind)) == [
        (name, b"1"),
        ("b", b"2"),
    ]


def test_a_prefix_of_the_old_kind_is_read() -> None:
    name = "d/" * 60 + "x"
    assert members(tar_of(entry(name, b"1"), kind=tarfile.USTAR_FORMAT)) == [(name, b"1")]


def test_members_need_not_be_read() -> None:
    data = tar_of(entry("a", bytes(5000)), entry("b", b"2"))
    assert [member.name for member in tar_members(io.BytesIO(data), "x.tar")] == ["a", "b"]


def test_a_folder_has_no_content_whatever_its_size_says() -> None:
    data = header("a/", 5000, b"5") + header("b", 1) + padded(b"1") + bytes(1024)
    assert members(data) == [("a", None), ("b", b"1")]


def test_an_extended_header_is_for_one_member_and_a_global_one_for_all() -> None:
    data = (
        pax(record(b"comment", b"by git"), kind=b"g")
        + pax(record(b"path", b"long"), record(b"size", b"3"))
        + header("short", 0)
        + padded(b"123")
        + header("other", 1)
        + padded(b"1")
        + bytes(1024)
    )
    assert members(data) == [("long", b"123"), ("other", b"1")]


def test_of_extended_headers_no_more_is_kept_than_is_used() -> None:
    """They may be many, and what is said of all members is looked at for each of them."""
    many = [record(b"SCHILY.%d" % i, b"x" * 90_000) for i in range(10)]
    headers = [
        pax(*(r.replace(b"SCHILY", b"S%05d" % i) for r in many), kind=b"g") for i in range(20)
    ]
    data = b"".join(headers) + header("a", 1) + padded(b"1") + bytes(1024)
    tracemalloc.start()
    try:
        assert members(data) == [("a", b"1")]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20  # of 18 MB, and one header at a time
    finally:
        tracemalloc.stop()


def test_what_comes_after_the_end_mark_is_read_but_not_given() -> None:
    data = tar_of(entry("a", b"1"))
    stream = io.BytesIO(data + data)
    assert [member.name for member in tar_members(stream, "x.tar")] == ["a"]
    assert stream.read() == b""


def test_an_archive_may_lack_its_end_mark() -> None:
    assert members(header("a", 1) + padded(b"1")) == [("a", b"1")]
    assert members(b"") == []


@pytest.mark.parametrize("cut", [300, 512 + 100, 1024 + 17, 1024 + 700, 2048 + 100])
def test_an_archive_that_is_cut_off_is_told(cut: int) -> None:
    data = pax(record(b"path", b"a")) + header("a", 1000) + padded(bytes(1000)) + bytes(1024)
    with pytest.raises((EOFError, tarfile.TarError)):
        members(data[:cut])


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is no plain file"),
        (tarfile.BLKTYPE, "is no plain file"),
        (tarfile.FIFOTYPE, "is no plain file"),
        (tarfile.GNUTYPE_SPARSE, "is no plain file"),
        (b"V", "is no plain file"),
        (b"M", "is no plain file"),
        (b"\xff", "is no plain file"),
    ],
)
def test_what_is_no_plain_file_is_refused(kind: bytes, why: str) -> None:
    assert refusal(header("thing", 0, kind, linkname="/etc/passwd")) == (
        f"x.tar holds 'thing', which {why}. Data has no need of that, so nothing was unpacked."
    )


@pytest.mark.parametrize(
    "records",
    [
        [record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0")],
        [record(b"GNU.sparse.map", b"0,1,5,1")],
        [record(b"GNU.sparse.size", b"999999999999")],
    ],
)
def test_sparse_files_are_refused_however_they_are_written(records: list[bytes]) -> None:
    assert "which is no plain file" in refusal(pax(*records) + header("a", 512) + bytes(512))


@pytest.mark.parametrize(
    "size", [b"-5", b"1e9", b"", b" 5", "٣".encode(), b"9" * 30, b"0x10", b"1_0"]
)
def test_a_size_that_is_no_number_is_damage(size: bytes) -> None:
    with pytest.raises(tarfile.TarError):
        members(pax(record(b"size", size)) + header("a", 0))


@pytest.mark.parametrize("size", [b"\xff" * 12, b"\xff" + b"\0" * 11, b"-0000000001\0"])
def test_a_negative_size_is_damage(size: bytes) -> None:
    """As in CVE-2025-8194, where it makes ``tarfile`` go round for ever."""
    with pytest.raises(tarfile.TarError):
        members(header("a", size) + bytes(2048))


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"X"])
@pytest.mark.parametrize("size", [(1 << 20) + 1, b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7])
def test_a_long_extended_header_is_refused_before_it_is_read(
    kind: bytes, size: int | bytes
) -> None:
    stream = io.BytesIO(header("a", size, kind) + bytes(5 << 20))
    with pytest.raises(tarfile.HeaderError, match="an extended header has"):
        next(tar_members(stream, "x.tar"))
    assert stream.tell() == 512


@pytest.mark.parametrize(
    "content",
    [b"5 a=1\n", b"0 a=1\n", b"-6 a=1\n", b"a", b"6 a 1\n", b"99999999999 a=1\n", b"6 a=1x", b" "],
)
def test_a_damaged_extended_header_is_told(content: bytes) -> None:
    with pytest.raises((tarfile.TarError, EOFError)):
        members(pax(content) + header("a", 0))


def test_a_wrong_sum_is_damage() -> None:
    data = bytearray(tar_of(entry("a", b"1"), kind=tarfile.USTAR_FORMAT))
    data[0] ^= 1
    with pytest.raises(tarfile.TarError):
        members(bytes(data))


def test_a_member_that_is_said_to_be_larger_than_the_archive_is_an_end_too_early() -> None:
    with pytest.raises(EOFError):
        members(header("a", b"\x80" + (1 << 60).to_bytes(11, "big")) + bytes(1 << 16))
