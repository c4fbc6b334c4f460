import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from learnkit.data.workplace import locked, workplace

fcntl = pytest.importorskip("fcntl")


def dead_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def machine() -> str:
    return "".join(c for c in platform.node() if c.isascii() and c.isalnum())[:32] or "unnamed"


def left_behind(folder: Path, name: str) -> Path:
    place = folder / name
    (place / "unpacked").mkdir(parents=True)
    (place / "unpacked/1.jpg").write_text("x")
    return place


def test_a_place_is_there_for_a_block(tmp_path: Path) -> None:
    with workplace(tmp_path, "toys") as place:
        (place / "a").mkdir()
        assert place.parent == tmp_path
        assert place.name.startswith(f".toys-{machine()}-{os.getpid()}-")
    assert list(tmp_path.iterdir()) == []


def test_a_place_is_removed_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), workplace(tmp_path, "toys"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    left_behind(tmp_path, f".toys-{machine()}-{dead_process()}-ab_c1.unfinished")
    with workplace(tmp_path, "toys") as place:
        assert list(tmp_path.iterdir()) == [place]


def test_what_is_a_week_old_is_removed_whoever_made_it(tmp_path: Path) -> None:
    old = left_behind(tmp_path, ".toys-elsewhere-1-ab_c1.unfinished")
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(old, (eight_days_ago, eight_days_ago))
    with workplace(tmp_path, "toys") as place:
        assert list(tmp_path.iterdir()) == [place]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    dead = dead_process()
    names = [
        f".toys-{machine()}-{os.getppid()}-abc.unfinished",  # alive
        f".toys-elsewhere-{dead}-abc.unfinished",  # of another machine
        f".toys-{machine()}-{dead}-abc.other",
        f".toys-{machine()}-{dead}-abc.unfinished.txt",
        f".toys-{machine()}-{dead}x-abc.unfinished",
        f".other-{machine()}-{dead}-abc.unfinished",  # another name's turn will come
        f".toys-more-{machine()}-{dead}-abc.unfinished",
        "toys",
    ]
    for name in names:
        left_behind(tmp_path, name)
    mine = left_behind(tmp_path.parent, f"{tmp_path.name}-mine")
    link = tmp_path / f".toys-{machine()}-{dead}-link.unfinished"
    link.symlink_to(mine)
    (tmp_path / f".toys-{machine()}-{dead}-file.unfinished").write_text("x")
    before = sorted(p.name for p in tmp_path.iterdir())
    with workplace(tmp_path, "toys"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert (mine / "unpacked/1.jpg").is_file()


def test_a_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    with locked(tmp_path, "toys") as alone:
        assert alone
        assert [p.name for p in tmp_path.iterdir()] == [".toys.lock"]
    assert list(tmp_path.iterdir()) == []


def test_one_at_a_time_holds_a_lock(tmp_path: Path) -> None:
    inside, most, turns = 0, 0, []

    def work(number: int) -> None:
        nonlocal inside, most
        for _ in range(20):
            with locked(tmp_path, "toys"):
                inside += 1
                most = max(most, inside)
                turns.append(number)
                inside -= 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert len(turns) == 80
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib; from learnkit.data.workplace import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), 'toys'): print('has', flush=True); time.sleep(99)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"has\n"
    child.kill()
    child.wait()
    child.stdout.close()
    with locked(tmp_path, "toys") as alone:
        assert alone


def test_a_disk_without_locks_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    with locked(tmp_path, "toys") as alone:
        assert not alone
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".toys.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), locked(tmp_path, "toys"):
        pass
    assert not (tmp_path / "elsewhere").exists()
