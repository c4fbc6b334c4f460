"""What is kept on disk: shown and deleted."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from learnkit.cli import main
from learnkit.commands.cache import INDEX_SUFFIX
from learnkit.data import index_cache
from learnkit.data.disk_cache import DiskCache, path_of
from learnkit.errors import LearnkitError


def keep(folder: Path, key: str, words: str, *, n: int, kept: int, used: str) -> Path:
    cache = DiskCache(folder, key, n, limit=1 << 24, words=words)
    for index in range(kept):
        cache.put(index, 1, np.zeros((200, 250, 3), np.uint8))
    noon = time.mktime(time.strptime(f"{used} 12:00", "%Y-%m-%d %H:%M"))
    os.utime(cache.path, (noon, noon))
    return cache.path


@pytest.fixture
def filled(own_home: Path) -> Path:
    """A home with two files of images, two lists, what was never finished, and a stranger's."""
    decoded, lists = own_home / "decoded", own_home / "index"
    keep(decoded, "b", "224x224 to be cropped", n=1200, kept=10, used="2031-05-02")
    keep(decoded, "a", "128x128 crop", n=5, kept=5, used="2031-05-01")
    (decoded / "x.abc.part").write_bytes(bytes(100_000))
    lists.mkdir()
    for name in ("a", "b"):
        (lists / f"{name}{INDEX_SUFFIX}").write_bytes(bytes(200_000))
    (lists / "c.xyz.tmp").write_bytes(bytes(100_000))
    (lists / "notes.txt").write_text("mine")
    (decoded / "folder.images").mkdir()
    return own_home


def test_info_tells_folder_files_and_total(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "info"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"folder   {filled}",
        "decoded  0.8 MB  5 of 5 images  last used 2031-05-01  128x128 crop",
        "decoded  1.5 MB  10 of 1,200 images  last used 2031-05-02  224x224 to be cropped",
        "lists    0.4 MB  2 files",
        "total    2.7 MB  4 files",
    ]


def test_info_of_a_folder_that_is_not_there(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "info"]) == 0
    assert capsys.readouterr().out == f"folder   {own_home}\ntotal    0.0 MB  0 files\n"
    assert not own_home.exists()


def test_info_names_a_damaged_file(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = keep(own_home / "decoded", "a", "128x128 crop", n=5, kept=5, used="2031-05-01")
    path.write_bytes(bytes(1000))
    assert main(["cache", "info"]) == 0
    today = time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
    assert capsys.readouterr().out.splitlines()[1] == (
        f"decoded  0.0 MB  0 of 0 images  last used {today}  damaged"
    )


def test_clear_deletes_learnkits_files_and_no_others(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == f"6 files deleted from {filled}, 2.9 MB freed\n"
    left = sorted(path.name for path in filled.rglob("*"))
    assert left == ["decoded", "folder.images", "index", "notes.txt"]
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == f"0 files deleted from {filled}, 0.0 MB freed\n"


def test_clear_says_what_it_could_not_delete(
    own_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(own_home / "decoded", "a", "", n=5, kept=5, used="2031-05-01")
    keep(own_home / "decoded", "b", "", n=5, kept=5, used="2031-05-01")
    unlink, stays = Path.unlink, path_of(own_home / "decoded", "a")

    def stubborn(path: Path, missing_ok: bool = False) -> None:
        if path == stays:
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stubborn)
    assert main(["cache", "clear"]) == 1
    printed = capsys.readouterr()
    assert printed.err == f"learnkit cache: {stays} stays: Permission denied.\n"
    assert printed.out == f"1 file deleted from {own_home}, 0.8 MB freed\n"


def test_lists_have_the_ending_that_is_looked_for(tmp_path: Path) -> None:
    file = index_cache._index_file(tmp_path, "any")
    assert file is not None
    assert file.suffix == INDEX_SUFFIX


def test_a_user_without_a_home_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    assert main(["cache", "info"]) == 2
    assert capsys.readouterr().err == (
        "learnkit cache: this user has no home folder; set LEARNKIT_HOME to one.\n"
    )
    for words in (["cache", "clear", "--debug"], ["cache", "--debug", "clear"]):
        with pytest.raises(LearnkitError):
            main(words)
