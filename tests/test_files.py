"""Files: whole or not there, whatever happens while they are written."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from learnkit import files
from learnkit.errors import CheckpointError
from learnkit.files import check_writable, recovered, remove, write_file, write_folder

OLD = {"a": b"old", "b": b"old too"}
NEW = {"a": b"new", "c": b"new too"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "saved", OLD)


def message(call: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


def held(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in sorted(folder.iterdir())}


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def full(*args: object) -> None:
    raise OSError(28, "No space left on device")


# ---------------------------------------------------------------- what is written


def test_a_file_holds_its_bytes_and_nothing_is_beside_it(tmp_path: Path) -> None:
    for data in (b"first", b"", b"\x00\xff" * 40_000):
        write_file(tmp_path / "x.json", data)
        assert held(tmp_path) == {"x.json": data}


def test_a_folder_holds_the_new_files_alone(folder: Path) -> None:
    assert write_folder(folder, NEW) == folder
    assert held(folder) == NEW
    assert names(folder.parent) == ["saved"]


def test_missing_folders_above_are_made(tmp_path: Path) -> None:
    write_folder(tmp_path / "a" / "b" / "c", NEW)
    assert held(tmp_path / "a" / "b" / "c") == NEW


def test_the_current_folder_is_given_back_as_it_was_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert write_folder(Path(), NEW) == Path()
    monkeypatch.chdir(folder.parent)
    assert held(folder) == NEW


def test_a_linked_folder_is_written_through_its_link_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "runs"
    link.symlink_to(tmp_path / "disk")
    for number in (b"1", b"2", b"3"):
        write_folder(link, {"number": number})
        assert held(link) == {"number": number}
    assert link.is_symlink()
    assert names(tmp_path) == ["disk", "runs"]


def test_every_file_and_both_folders_are_flushed_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename may reach the disk before the bytes, if nobody asked for these first."""
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name.partition(".tmp")[0])
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        done.append(f"renamed to {target.name}")
        return rename(self, target)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to name an open file")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    write_folder(tmp_path / "saved", NEW)
    beside = f".saved.{os.getpid()}"
    assert done == ["a", "c", beside, "renamed to saved", tmp_path.name]


# ---------------------------------------------------------------- errors


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    write_file(path, b"old")
    monkeypatch.setattr(os, "fsync", full)
    assert message(lambda: write_file(path, b"new")) == (
        f"cannot write {path}: No space left on device. Give a folder that you may write to."
    )
    assert held(tmp_path) == {"x.json": b"old"}


@pytest.mark.parametrize("failing", ["_write_synced", "sync_folder"])
def test_a_full_disk_leaves_the_old_folder_and_nothing_beside(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setattr(files, failing, full)
    assert message(lambda: write_folder(folder, NEW)) == (
        f"cannot write {folder}: No space left on device. Give a folder that you may write to."
    )
    assert held(folder) == OLD
    assert names(folder.parent) == ["saved"]


def test_a_failed_second_rename_puts_the_old_one_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.endswith(".tmp"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        message(lambda: write_folder(folder, NEW))
    assert held(folder) == OLD
    assert names(folder.parent) == ["saved"]


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    target = tmp_path / "runs" / "first"
    expected = (
        f"cannot write {target}: {target.parent} is a file, not a folder. "
        "Give a folder that you may write to."
    )
    assert message(lambda: write_folder(target, NEW)) == expected
    assert message(lambda: check_writable(target, purpose="Saving")) == f"Saving {expected}"
    assert message(lambda: write_file(target, b"1")) == expected


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b", purpose="Saving")
    assert names(tmp_path / "a" / "b") == []


# ---------------------------------------------------------------- crashes


class Killed(BaseException):
    """Stands for the process's end: no handler of the code under test may catch it."""


@pytest.mark.parametrize("survives", [1, 2])
def test_a_kill_between_the_renames_leaves_a_whole_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    """After the first rename only the old one is whole under a name; after the second, the new."""
    done, rename = [0], Path.rename

    def killed(self: Path, target: Path) -> Path:
        moved = rename(self, target)
        done[0] += 1
        if done[0] == survives:
            raise Killed
        return moved

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(Killed):
            write_folder(folder, NEW)
    assert held(recovered(folder)) == (OLD if survives == 1 else NEW)
    write_folder(folder, {"last": b"1"})
    assert recovered(folder) == folder
    assert held(folder) == {"last": b"1"}
    assert not (folder.parent / ".saved.previous").exists()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_a_kill_left_beside_is_removed_by_the_next_write_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = tmp_path / "saved"

    def write() -> None:
        if what == "file":
            write_file(path, b"whole")
        else:
            write_folder(path, OLD)

    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    left = tmp_path / f".saved.{gone.stdout.strip()}.tmp"
    if what == "file":
        left.write_bytes(b"half")
    else:
        left.mkdir()
        (left / "a").write_bytes(b"half")
    others = [
        tmp_path / f".saved.{os.getppid()}.tmp",  # of a process that is at work
        tmp_path / ".saved.mine.tmp",
        tmp_path / f".other.{gone.stdout.strip()}.tmp",
    ]
    for other in others:
        other.touch()
    write()
    assert names(tmp_path) == sorted(["saved", *(other.name for other in others)])


def test_a_kill_while_writing_leaves_the_old_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(files, "_write_synced", killed)
        with pytest.raises(Killed):
            write_folder(folder, NEW)
    assert held(recovered(folder)) == OLD
    write_folder(folder, NEW)
    assert held(folder) == NEW
    assert names(folder.parent) == ["saved"]


def test_a_folder_that_never_was_is_not_recovered(tmp_path: Path) -> None:
    assert recovered(tmp_path / "never") == tmp_path / "never"


def test_a_link_is_removed_and_not_what_it_leads_to(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    remove(link)
    assert names(folder.parent) == ["saved"]
    assert held(folder) == OLD
    remove(folder)
    remove(folder / "gone")
    assert names(folder.parent) == []
