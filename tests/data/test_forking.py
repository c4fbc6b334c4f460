import multiprocessing
import os
import sqlite3
import threading
import warnings
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Subset

from learnkit.data import forking
from learnkit.data.forking import may_fork, quiet_fork, useful_processes

BATCH = (torch.zeros(10, 10), torch.zeros(10))


class Holding:
    """A dataset that keeps something."""

    def __init__(self, *held: Any) -> None:
        self.held = held


class Hiding(Holding):
    """Pickles without what it holds, as datasets do that open their file again in a worker."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


def test_data_and_code_may_be_shared_with_processes() -> None:
    held = [np.zeros(3), torch.zeros(2), Image.new("RGB", (2, 2)), b"bytes", {"a": Path("b")}]
    held += [lambda x: x, os.path.join, np.random.default_rng(0), torch.nn.Linear(1, 1)]
    held += [np.array([None, "a"], dtype=object), torch, Holding]
    assert may_fork(Subset(Holding(*held), [0, 1]))  # type: ignore[arg-type]


@pytest.mark.parametrize("holder", [Holding, Hiding])
def test_what_belongs_to_one_process_keeps_the_dataset_there(
    holder: type[Holding], tmp_path: Path
) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (2, 2)).save(path)
    with (
        path.open("rb") as file,
        Image.open(path) as lazy,
        sqlite3.connect(":memory:") as database,
    ):
        held = (file, lazy, database, threading.Lock(), torch.zeros(1, device="meta"))
        for one in (*held, lambda: file.read(), [{"deep": database}]):
            assert not may_fork(holder(one))
    database.close()


def test_only_fork_as_the_default_way_to_start_processes_will_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert may_fork([]) == (multiprocessing.get_all_start_methods()[0] == "fork")
    for method in ("spawn", "forkserver"):
        monkeypatch.setattr(multiprocessing, "get_start_method", lambda method=method, **_: method)
        assert not may_fork([])


def test_daemons_and_threads_do_not_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(may_fork([])))
    thread.start()
    thread.join()
    assert found == [False]
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    assert not may_fork([])


def test_asking_fixes_no_way_to_start_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.get_context(None), "_actual_context", None, raising=False)
    before = multiprocessing.get_start_method(allow_none=True)
    may_fork([])
    assert multiprocessing.get_start_method(allow_none=True) == before


def test_there_are_as_many_as_cores_batches_and_8_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, n_batches, expected in ((4, 100, 4), (16, 100, 8), (4, 3, 3), (4, 1, 0), (1, 9, 1)):
        monkeypatch.setattr(forking, "default_workers", lambda cores=cores: cores)
        assert useful_processes([], BATCH, n_batches) == expected
    assert useful_processes([threading.Lock()], BATCH, 100) == 0


def test_their_batches_must_fit_into_the_shared_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A batch has 440 bytes here, and each process may have four on the way."""
    free = namedtuple("free", "f_bavail f_frsize")
    monkeypatch.setattr(forking, "default_workers", lambda: 8)
    monkeypatch.setattr(forking, "_SHARED_MEMORY", tmp_path)
    for blocks, expected in ((1759, 0), (1760, 1), (3600, 2), (100_000, 8)):
        monkeypatch.setattr(os, "statvfs", lambda _, blocks=blocks: free(blocks, 1))
        assert useful_processes([], ({"a": BATCH[0]}, [BATCH[1]], "name"), 100) == expected
    monkeypatch.setattr(forking, "_SHARED_MEMORY", tmp_path / "missing")
    assert useful_processes([], BATCH, 100) == 8


THREADED = (
    "This process (pid=7) is multi-threaded, use of fork() may lead to deadlocks in the child."
)


def test_the_warning_of_newer_pythons_about_forking_is_left_out_and_no_other() -> None:
    def warn(message: str, category: type[Warning] = DeprecationWarning) -> Callable[[], None]:
        return lambda: warnings.warn(message, category, stacklevel=1)

    with quiet_fork():
        warn(THREADED)()
        for other in (warn("old"), warn(THREADED, UserWarning)):
            with pytest.raises((DeprecationWarning, UserWarning)):
                other()
    with pytest.raises(DeprecationWarning):
        warn(THREADED)()
