"""One file moves, over nothing, and is whole at every instant."""

import errno
import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest

from learnkit.data.doctor import moving
from learnkit.data.doctor.moving import make_folder, move_new, sha256_of

DATA = b"a photo" * 1000
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "data" / "1.jpg"
    path.parent.mkdir()
    path.write_bytes(DATA)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


@pytest.fixture
def target(tmp_path):
    return tmp_path / "aside" / "deep" / "1.jpg"


@pytest.fixture
def no_links(monkeypatch):
    """Another file system: hard links cannot reach it."""

    def refuse(self, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)


def files_below(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    )


def assert_moved(source, target):
    assert files_below(source.parent.parent) == ["aside/deep/1.jpg"]
    assert target.read_bytes() == DATA
    assert target.stat().st_mtime == 1_000_000_000


def assert_untouched(source):
    assert files_below(source.parent.parent) == ["data/1.jpg"]
    assert source.read_bytes() == DATA


def test_a_file_moves_and_its_folders_are_made(source, target):
    move_new(source, target, SUM)
    assert_moved(source, target)


def test_to_another_file_system_it_is_copied_first(source, target, no_links):
    move_new(source, target, SUM)
    assert_moved(source, target)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_to_a_real_other_file_system(source, target, tmp_path):
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        there = Path(other) / "1.jpg"
        move_new(source, there, SUM)
        assert files_below(Path(other)) == ["1.jpg"]
        assert not source.exists()
        move_new(there, target, SUM)
    assert_moved(source, target)


@pytest.mark.parametrize("links", [True, False])
def test_what_is_there_is_never_overwritten(source, target, links, request):
    if not links:
        request.getfixturevalue("no_links")
    target.parent.mkdir(parents=True)
    target.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        move_new(source, target, SUM)
    assert files_below(source.parent.parent) == ["aside/deep/1.jpg", "data/1.jpg"]
    assert target.read_bytes() == b"other"
    assert source.read_bytes() == DATA


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_changed_stays(source, target, links, request):
    if not links:
        request.getfixturevalue("no_links")
    with pytest.raises(OSError, match=r"^its content is not what it was when it was checked$"):
        move_new(source, target, "0" * 64)
    assert_untouched(source)


def test_a_file_that_vanished_says_so(source, target):
    source.unlink()
    with pytest.raises(FileNotFoundError):
        move_new(source, target, SUM)
    assert files_below(source.parent.parent) == []


def test_a_full_disk_costs_nothing(source, target, no_links, monkeypatch):
    def full(reader, writer, length):
        writer.write(DATA[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left on device"):
        move_new(source, target, SUM)
    assert_untouched(source)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_cannot_leave_its_folder_has_no_second_name(
    source, target, links, monkeypatch, request
):
    if not links:
        request.getfixturevalue("no_links")
    unlink = Path.unlink

    def stuck(self, missing_ok=False):
        if self == source:
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stuck)
    with pytest.raises(PermissionError):
        move_new(source, target, SUM)
    assert_untouched(source)


@pytest.mark.skipif(sys.platform == "win32", reason="folders of Windows have no such mode")
def test_a_write_protected_folder_is_left_alone_by_the_superuser_too(source, target):
    source.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError) as caught:
            move_new(source, target, SUM)
        with pytest.raises(PermissionError):
            make_folder(source.parent / "new")
    finally:
        source.parent.chmod(0o755)
    assert caught.value.strerror == f"{source.parent} is write-protected"
    assert_untouched(source)


def test_without_any_hard_links_a_copy_is_renamed_where_nothing_is(source, target, no_links):
    """``no_links`` refuses the second link too, as on a memory card."""
    move_new(source, target, None)
    assert_moved(source, target)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_moves_as_a_link(source, target):
    link = source.with_name("link.jpg")
    link.symlink_to("1.jpg")
    move_new(link, target, SUM)
    assert target.is_symlink()
    assert target.readlink() == Path("1.jpg")
    assert not os.path.lexists(link)
    assert source.read_bytes() == DATA


def test_the_second_name_is_on_the_disk_before_the_first_one_goes(source, target, monkeypatch):
    events = []
    unlink, sync = Path.unlink, moving.sync_folder

    def gone(self, missing_ok=False):
        events.append(f"unlink {self.name}")
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", gone)
    monkeypatch.setattr(
        moving, "sync_folder", lambda folder: (events.append(f"sync {folder.name}"), sync(folder))
    )
    move_new(source, target, SUM)
    assert events[-3:] == ["sync deep", "unlink 1.jpg", "sync data"]


def test_the_sum_is_that_of_the_bytes(source):
    assert sha256_of(source) == SUM
