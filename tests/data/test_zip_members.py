import io
import stat
import struct
import zipfile
from typing import Any

import pytest

from learnkit.data.archive_limits import Allowance, Limits
from learnkit.data.member import BadArchive
from learnkit.data.zip_members import zip_members
from learnkit.errors import DataError


def zip_of(
    files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as packed:
        packed.comment = comment
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


def members(data: bytes, **limits: Any) -> dict[str, bytes | None]:
    allowance = Allowance("x.zip", len(data), 1 << 50, Limits(**limits))
    return {
        member.name: None if member.content is None else member.content.read(1 << 20)
        for member in zip_members(io.BytesIO(data), "x.zip", allowance)
    }


def refusal(data: bytes, **limits: Any) -> str:
    with pytest.raises(DataError) as caught:
        members(data, **limits)
    return str(caught.value)


def with_entry(data: bytes, at: int, form: str, value: int, *, local: int | None = None) -> bytes:
    """Change a field of the first central entry, and the same of the local header."""
    changed = bytearray(data)
    struct.pack_into(form, changed, changed.index(b"PK\1\2") + at, value)
    if local is not None:
        struct.pack_into(form, changed, local, value)
    return bytes(changed)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2], ids=str
)
@pytest.mark.parametrize("comment", [b"", b"hello", b"x" * 65_535])
def test_files_and_folders_are_given(method: int, comment: bytes) -> None:
    files = {"a/": b"", "a/b": bytes(5000), "é": b"1"}
    assert members(zip_of(files, method, comment)) == {"a/": None, "a/b": bytes(5000), "é": b"1"}


def test_something_may_stand_before_the_archive() -> None:
    assert members(b"#!/bin/sh\n" * 9 + zip_of({"a": b"1"})) == {"a": b"1"}


def test_an_archive_of_more_than_65535_members_is_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for number in range(65_600):
            packed.writestr(str(number), b"")
    allowance = Allowance("x.zip", 1, 1 << 50, Limits())
    assert sum(1 for _ in zip_members(out, "x.zip", allowance)) == 65_600


def test_members_are_counted_before_any_is_kept() -> None:
    assert refusal(zip_of({"a": b"", "b": b"", "c": b""}), members=2).startswith(
        "x.zip holds more than 2 files and folders, so it was left packed."
    )


def test_the_count_does_not_trust_the_count_at_the_end() -> None:
    data = bytearray(zip_of({"a": b"", "b": b"", "c": b""}))
    data[-14:-10] = struct.pack("<HH", 1, 1)
    assert "more than 2 files" in refusal(bytes(data), members=2)


def test_the_sizes_are_added_up_before_the_first_is_unpacked() -> None:
    data = zip_of({"a": bytes(1 << 20), "b": bytes(1 << 20)})
    allowance = Allowance("x.zip", len(data), 1 << 50, Limits(unpacked=(2 << 20) - 1))
    with pytest.raises(DataError, match="unpacks to more than"):
        next(zip_members(io.BytesIO(data), "x.zip", allowance))


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        (stat.S_IFLNK, "is a link"),
        (stat.S_IFIFO, "is no plain file"),
        (stat.S_IFCHR, "is no plain file"),
        (stat.S_IFSOCK, "is no plain file"),
    ],
)
def test_links_and_devices_are_refused(mode: int, why: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        info = zipfile.ZipInfo("thing")
        info.external_attr = (mode | 0o777) << 16
        packed.writestr(info, "/etc/passwd")
    assert refusal(out.getvalue()) == (
        f"x.zip holds 'thing', which {why}. Data has no need of that, so nothing was unpacked."
    )


def test_a_password_is_no_damage() -> None:
    assert refusal(with_entry(zip_of({"a": b"1"}), 8, "<H", 1, local=6)) == (
        "x.zip needs a password. Unpack it by another program, and give learnkit the folder."
    )


@pytest.mark.parametrize("method", [9, 14, 93, 99])
def test_methods_that_take_any_amount_of_memory_are_not_read(method: int) -> None:
    assert refusal(with_entry(zip_of({"a": b"1"}), 10, "<H", method, local=8)) == (
        f"x.zip is packed by method {method} of zip, which is not read here. Unpack it by another "
        "program, and give learnkit the folder."
    )


@pytest.mark.parametrize("size", [0, 1, 4999])
def test_a_size_that_is_too_small_is_damage(size: int) -> None:
    """No more is unpacked than was said and counted, and that has another sum."""
    with pytest.raises(zipfile.BadZipFile):
        members(with_entry(zip_of({"a": bytes(5000)}), 24, "<L", size, local=22))


def test_a_size_that_is_too_large_unpacks_to_what_is_there() -> None:
    data = with_entry(zip_of({"a": bytes(5000)}), 24, "<L", 1 << 20, local=22)
    assert members(data) == {"a": bytes(5000)}


def test_members_that_share_their_bytes_are_refused() -> None:
    """Each of two entries points at the same bytes."""
    data = zip_of({"a": bytes(5000)})
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entry = data[start:end]
    tail = bytearray(data[end:])
    struct.pack_into("<HHL", tail, 8, 2, 2, 2 * len(entry))
    with pytest.raises(zipfile.BadZipFile, match="its members overlap"):
        members(data[:end] + entry + bytes(tail))


def test_a_member_that_reaches_into_the_directory_is_refused() -> None:
    data = with_entry(zip_of({"a": b"12345"}, zipfile.ZIP_STORED), 20, "<L", 500, local=18)
    with pytest.raises(zipfile.BadZipFile, match="its members overlap"):
        members(data)


@pytest.mark.parametrize("at", [16, 42])
def test_a_member_that_begins_nowhere_is_damage(at: int) -> None:
    data = with_entry(zip_of({"a": b"1", "b": b"2"}), at, "<L", 0xFFFFFF)
    with pytest.raises(zipfile.BadZipFile):
        members(data)


@pytest.mark.parametrize("data", [b"", b"PK", bytes(100), b"PK\5\6", b"PK\5\6" + b"\xff" * 18])
def test_what_has_no_directory_is_damage(data: bytes) -> None:
    with pytest.raises(zipfile.BadZipFile):
        members(data)


def test_a_directory_that_is_cut_off_is_damage() -> None:
    data = bytearray(zip_of({"a": b"1"}))
    struct.pack_into("<L", data, len(data) - 10, 20)
    with pytest.raises(zipfile.BadZipFile, match="its directory is damaged"):
        members(bytes(data))


def test_every_member_has_its_name_twice() -> None:
    data = bytearray(zip_of({"a": b"1"}))
    data[30] = ord("b")
    with pytest.raises(zipfile.BadZipFile):
        members(bytes(data))


def test_a_member_that_must_not_be_unpacked_is_found_before_any_is() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("good", "1")
        info = zipfile.ZipInfo("thing")
        info.external_attr = stat.S_IFLNK << 16
        packed.writestr(info, "x")
    allowance = Allowance("x.zip", 1, 1 << 50, Limits())
    with pytest.raises(BadArchive):
        next(zip_members(out, "x.zip", allowance))
