import threading
from pathlib import Path

import pytest

from learnkit.data import budget
from learnkit.data.budget import (
    Budget,
    auto_disk,
    auto_memory,
    free_disk,
    free_memory,
    most_disk,
    most_memory,
)

GIB = 1 << 30


def test_bytes_are_taken_while_there_are_any_and_given_back() -> None:
    shared = Budget(100)
    assert [shared.take(n) for n in (60, 60, 40, 1)] == [True, False, True, False]
    shared.give_back(60)
    assert shared.left == 60


def test_many_threads_take_no_more_than_there_is() -> None:
    shared, taken = Budget(1000), []

    def take() -> None:
        taken.extend([3 for _ in range(500) if shared.take(3)])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(taken), shared.left) == (999, 1)


def test_memory_is_two_gibibytes_or_a_quarter_of_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "free_memory", lambda: 4 * GIB)
    assert (auto_memory(), most_memory()) == (1 * GIB, 3 * GIB)
    monkeypatch.setattr(budget, "free_memory", lambda: 64 * GIB)
    assert (auto_memory(), most_memory()) == (2 * GIB, 48 * GIB)


def test_disk_is_twenty_gibibytes_or_a_quarter_of_what_is_free() -> None:
    assert (auto_disk(40 * GIB), most_disk(40 * GIB)) == (10 * GIB, 30 * GIB)
    assert (auto_disk(400 * GIB), most_disk(400 * GIB)) == (20 * GIB, 300 * GIB)


def test_free_memory_is_a_sensible_number_of_bytes() -> None:
    assert 1 << 20 < free_memory() < 1 << 50


def test_a_container_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "_free_in_container", lambda: 123)
    assert free_memory() == 123
    monkeypatch.setattr(budget, "_free_in_container", lambda: None)
    monkeypatch.setattr(budget, "_free_on_machine", lambda: None)
    assert free_memory() == 4 * GIB


def test_free_disk_is_that_of_the_folder_that_will_hold_it(tmp_path: Path) -> None:
    there = free_disk(tmp_path)
    assert there > 1 << 20
    assert free_disk(tmp_path / "not" / "yet") == pytest.approx(there, rel=0.05)


def test_where_nobody_can_tell_no_disk_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", forbidden)
    assert free_disk(tmp_path) == 0
