"""LineFile: whole lines, and a full disk that ends no training."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from learnkit.tracking import line_file
from learnkit.tracking.line_file import LineFile


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A disk that is full while the last entry is True: a write stops after two bytes."""
    state, real = [False], line_file._append

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *args: object) -> None:
            self.file.close()

        def write(self, data: bytes) -> int:
            return int(self.file.write(data[:2] if state[-1] else data))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    class Place:
        def __init__(self, path: Path) -> None:
            self.path = path

        def open(self, *args: Any, **kwargs: Any) -> Full:
            return Full(self.path.open(*args, **kwargs))

    monkeypatch.setattr(line_file, "_append", lambda path, data: real(Place(path), data))
    return state


def make(path: Path) -> LineFile:
    file = LineFile(path, owner="CSVLog", example="log.csv")
    file.restart(["head\n"])
    return file


def test_lines_follow_each_other(tmp_path: Path) -> None:
    file = make(tmp_path / "log.csv")
    file.append("one\n")
    file.append("two\n")
    file.close()
    assert file.path.read_text() == "head\none\ntwo\n"


def test_a_full_disk_warns_once_leaves_no_half_line_and_loses_nothing(
    tmp_path: Path, full: list[bool]
) -> None:
    file = make(tmp_path / "log.csv")
    full.append(True)
    with pytest.warns(UserWarning, match="CSVLog") as caught:
        file.append("one\n")
    assert str(caught[0].message) == (
        f"CSVLog cannot write {file.path}: {os.strerror(errno.ENOSPC)}. The training goes on; "
        "the lines are kept and written when there is room."
    )
    file.append("two\n")  # a second warning would be an error here
    assert file.path.read_text() == "head\n"
    full.append(False)
    file.append("three\n")
    assert file.path.read_text() == "head\none\ntwo\nthree\n"


def test_lines_that_no_room_was_found_for_are_counted_at_the_end(
    tmp_path: Path, full: list[bool]
) -> None:
    file = make(tmp_path / "log.csv")
    full.append(True)
    with pytest.warns(UserWarning, match="CSVLog"):
        file.append("one\n")
    file.append("two\n")
    with pytest.warns(UserWarning, match="CSVLog") as caught:
        file.close()
    assert str(caught[0].message) == (
        f"CSVLog cannot write {file.path}: {os.strerror(errno.ENOSPC)}. 2 lines are not in it; "
        "the History of the fit has its rows."
    )
    file.close()
