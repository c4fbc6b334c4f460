import contextlib
import errno
import os
import socket
from pathlib import Path

import pytest

from learnkit.data.source import FileSource, ItemSource
from learnkit.errors import DataError


def reason_of(root: Path, name: str) -> str:
    with pytest.raises(DataError) as caught:
        FileSource(root, [name]).stamp(0)
    begin = f"{root / name} cannot be read as an image: "
    assert str(caught.value).startswith(begin)
    return str(caught.value).removeprefix(begin).removesuffix(".")


NAMES = ["train/red/red_0.jpg", "valid/blue/blue_1.jpg"]


def test_files_are_named_and_decoded_by_index(photo_folder: Path) -> None:
    source = FileSource(photo_folder, NAMES)
    assert len(source) == 2
    assert source.describe(1) == str(photo_folder / "valid/blue/blue_1.jpg")
    assert source.load(0, 32).shape == (32, 32, 3)


def test_a_stamp_stays_while_the_file_does(photo_folder: Path) -> None:
    source = FileSource(photo_folder, NAMES)
    first = source.stamp(0)
    source.load(0, 32)
    assert first == source.stamp(0) == FileSource(str(photo_folder), NAMES).stamp(0)
    assert 0 < first < 1 << 64
    assert source.stamp(1) != first


def test_a_stamp_changes_with_the_files_size_and_time(photo_folder: Path) -> None:
    source, path = FileSource(photo_folder, NAMES), photo_folder / NAMES[0]
    found = {source.stamp(0)}
    stat = path.stat()
    with path.open("ab") as file:
        file.write(b"more")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    found.add(source.stamp(0))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
    found.add(source.stamp(0))
    assert len(found) == 3


def test_another_photo_of_the_same_size_and_time_has_another_stamp(photo_folder: Path) -> None:
    """The time at which the entry itself changed cannot be set."""
    source, path = FileSource(photo_folder, NAMES), photo_folder / NAMES[0]
    stat, before = path.stat(), source.stamp(0)
    other = path.with_name("other")
    other.write_bytes(bytes(stat.st_size))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert source.stamp(0) != before


def test_the_stamp_of_a_file_that_is_gone_says_so(photo_folder: Path) -> None:
    source, path = FileSource(photo_folder, NAMES), photo_folder / NAMES[0]
    path.unlink()
    with pytest.raises(DataError) as caught:
        source.stamp(0)
    assert str(caught.value) == f"{path} cannot be read as an image: the file does not exist."


def test_a_file_outside_the_folder_has_a_stamp_too(photo_folder: Path) -> None:
    far = photo_folder / NAMES[0]
    source = FileSource(photo_folder / "valid", [str(far)])
    assert source.describe(0) == str(far)
    assert source.stamp(0) == FileSource(photo_folder, NAMES).stamp(0)


def test_a_link_that_leads_nowhere_says_where_to(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "b.jpg").symlink_to("b.jpg")
    assert reason_of(tmp_path, "a.jpg") == (
        f"it is a link to {tmp_path}/gone.jpg, which does not exist"
    )
    assert reason_of(tmp_path, "b.jpg") == os.strerror(errno.ELOOP)


def test_names_that_no_file_can_have_are_refused(tmp_path: Path) -> None:
    assert reason_of(tmp_path, "x" * 300 + ".jpg") == os.strerror(errno.ENAMETOOLONG)
    assert reason_of(tmp_path, "a\0.jpg") == "embedded null byte"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    """To open a pipe would wait for ever, and a device may have no end."""
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        # the path of a socket has at most 100 bytes
        with contextlib.chdir(tmp_path):
            listening.bind("socket.jpg")
        for name, reason in (
            ("folder.jpg", "it is a folder"),
            ("pipe.jpg", "it is a pipe, not a file"),
            ("link.jpg", "it is a pipe, not a file"),
            ("zero.jpg", "it is a device, not a file"),
            ("socket.jpg", "it is a socket, not a file"),
        ):
            assert reason_of(tmp_path, name) == reason
            with pytest.raises(DataError) as caught:
                ItemSource([tmp_path / name]).load(0, 0)
            assert str(caught.value) == f"{tmp_path / name} cannot be read as an image: {reason}."


def test_items_that_are_paths_are_named_when_they_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg cannot be read .*the file does not exist"):
        ItemSource([tmp_path / "gone.jpg"]).load(0, 0)


def test_the_key_names_the_folder_and_the_list(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = FileSource(photo_folder, NAMES).key
    assert FileSource(str(photo_folder), tuple(NAMES)).key == key
    monkeypatch.chdir(photo_folder.parent)
    assert FileSource(photo_folder.name, NAMES).key == key
    others = [
        FileSource(photo_folder, NAMES[::-1]).key,
        FileSource(photo_folder, NAMES[:1]).key,
        FileSource(photo_folder, ["".join(NAMES)]).key,
        FileSource(photo_folder / "train", NAMES).key,
        FileSource(photo_folder, []).key,
    ]
    assert len({key, *others}) == 6


def test_names_that_are_no_utf_8_have_a_key_too(photo_folder: Path) -> None:
    assert FileSource(photo_folder, ["\udcff.jpg"]).key != FileSource(photo_folder, ["x.jpg"]).key
