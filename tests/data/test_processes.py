"""Real processes that are really killed; each test is bounded by ``in_time``."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from learnkit.data import processes
from learnkit.data.fetch import KeyedDataset
from learnkit.data.processes import DiedError, StalledError, StartError, how_it_ended
from learnkit.data.worker_pool import WorkerPool
from tests.children import Children
from tests.in_time import in_time

PLAN = [np.arange(4), np.arange(4, 8), np.arange(8, 10)]
ELSE = "num_workers=0 fetches samples in the calling process instead."


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(processes, "_POLL", 0.1)
    with in_time():
        yield


class Calls(Dataset[Any]):
    """Does something at sample 5, in the process that fetches it."""

    def __init__(self, what: Callable[[], Any]) -> None:
        self.what = what

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if index == 5:
            self.what()
        return torch.tensor([index]), os.getpid()


def pool(what: Callable[[], Any], workers: int = 2, **options: Any) -> WorkerPool:
    return WorkerPool(KeyedDataset(Calls(what), seed=1), workers, **options)


def message_of(what: Callable[[], Any], children: Children) -> str:
    """What is said when a process does this, without the number of the process."""
    with pytest.raises(DiedError) as caught:
        list(pool(what).batches(PLAN, 0))
    assert children() == []
    first, pid, rest = str(caught.value).split(maxsplit=2)
    assert (first, pid[-1]) == ("Process", ",")
    return rest


def sleeping() -> None:
    time.sleep(600)


@pytest.mark.parametrize("code", [0, 3])
def test_a_process_that_ends_itself_is_an_error(code: int, children: Children) -> None:
    """torch's own handler does not see the end with code 0."""
    assert message_of(lambda: os._exit(code), children) == (
        f"which fetches samples, ended with exit code {code} before its work did: something that "
        f"the dataset calls ends the process. It was fetching sample 5. {ELSE}"
    )


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (
            signal.SIGKILL,
            "as the system does when memory runs out: fewer num_workers or a smaller batch_size "
            "take less of it",
        ),
        (signal.SIGFPE, "as happens when a library in C fails"),
    ],
)
def test_a_process_that_is_killed_is_an_error(
    number: signal.Signals, why: str, children: Children
) -> None:
    assert message_of(lambda: os.kill(os.getpid(), number), children) == (
        f"which fetches samples, was killed by {number.name}, {why}. It was fetching sample 5. "
        f"{ELSE}"
    )


def test_full_shared_memory_is_told() -> None:
    assert how_it_ended(7, -signal.SIGBUS) == (
        "Process 7, which fetches samples, was killed by SIGBUS, as happens when shared memory "
        "(/dev/shm) is full: fewer num_workers or a smaller batch_size take less of it"
    )


def test_a_kill_from_outside_while_waiting_is_an_error(children: Children) -> None:
    batches = pool(sleeping).batches(PLAN, 0)
    next(batches)
    victims = children()

    def kill() -> None:
        for victim in victims:
            os.kill(victim.pid or 0, signal.SIGKILL)

    timer = threading.Timer(0.3, kill)
    timer.start()
    with pytest.raises(DiedError, match="was killed by SIGKILL"):
        next(batches)
    timer.join()


def test_a_connection_that_breaks_before_its_process_counts_as_dead_is_a_death_too(
    monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    """A batch may be on its way when the process that gave it ends."""

    def broken(running: Any, timeout: float) -> Any:
        threading.Timer(0.2, os.kill, [running._workers[0].pid, signal.SIGKILL]).start()
        raise ConnectionResetError

    monkeypatch.setattr(processes._Watched, "_try_get_data", broken)
    with pytest.raises(DiedError, match="was killed by SIGKILL"):
        list(pool(int).batches(PLAN, 0))
    assert children() == []


def test_a_connection_that_breaks_for_another_reason_is_an_error_as_it_is(
    monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    def broken(running: Any, timeout: float) -> Any:
        raise ConnectionResetError("no more sockets")

    monkeypatch.setattr(processes, "_GRACE", 0.1)
    monkeypatch.setattr(processes._Watched, "_try_get_data", broken)
    with pytest.raises(ConnectionResetError, match="no more sockets"):
        list(pool(int).batches(PLAN, 0))
    assert children() == []


def test_a_death_is_raised_where_the_next_batch_is_asked_for_and_nowhere_else(
    children: Children,
) -> None:
    """An exception amid an optimizer's step would leave a model that is neither old nor new."""
    batches = pool(sleeping).batches(PLAN, 0)
    next(batches)
    for victim in children():
        os.kill(victim.pid or 0, signal.SIGKILL)
        victim.join()
    assert sum(range(1_000_000)) == 499_999_500_000  # a step; signals come through
    with pytest.raises(DiedError):
        list(batches)


def test_a_death_in_another_thread_than_the_main_one_is_an_error_too() -> None:
    """Signals do not arrive there."""
    found: list[BaseException] = []

    def fetch() -> None:
        try:
            list(pool(lambda: os._exit(1)).batches(PLAN, 0))
        except DiedError as error:
            found.append(error)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(60)
    assert len(found) == 1


def test_processes_that_stand_still_are_an_error_that_says_where(children: Children) -> None:
    batches = pool(sleeping, patience=1.0).batches(PLAN, 0)
    next(batches)
    with pytest.raises(StalledError) as caught:
        next(batches)
    said = str(caught.value)
    assert said.startswith("The processes that fetch samples gave nothing for 1 s. Process ")
    line = sleeping.__code__.co_firstlineno + 1
    assert f' is at: File "{__file__}", line {line} in sleeping; File ' in said
    assert said.endswith(
        f". It was fetching sample 5. A library that the dataset uses may not stand forking. {ELSE}"
    )
    assert children() == []


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_process_that_was_stopped_is_an_error_and_killed(
    monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    """It cannot say where it is, and would not end when it is asked to."""
    monkeypatch.setattr(processes, "_GRACE", 0.1)
    stop = pool(lambda: os.kill(os.getpid(), signal.SIGSTOP), patience=0.5)
    with pytest.raises(StalledError) as caught:
        list(stop.batches(PLAN, 0))
    assert " is at: " not in str(caught.value)
    assert children() == []


def test_an_error_of_the_dataset_does_not_wait_for_processes_that_stand_still(
    monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    monkeypatch.setattr(processes, "_GRACE", 0.1)

    class Mixed(Calls):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            if index == 0:
                raise ZeroDivisionError
            if index == 4:
                os.kill(os.getpid(), signal.SIGSTOP)
            return super().__getitem__(index)

    mixed = WorkerPool(KeyedDataset(Mixed(int), seed=1), 2)
    with pytest.raises(ZeroDivisionError):
        list(mixed.batches(PLAN, 0))
    assert children() == []


def test_ctrl_c_is_left_to_the_parent(children: Children) -> None:
    """A terminal sends it to all, but the batch in work shall be finished."""
    batches = pool(int).batches(PLAN, 0)
    next(batches)  # of one process; the other may just be starting
    for child in children():
        os.kill(child.pid or 0, signal.SIGINT)
    assert [one.batch.x.tolist() for one in batches] == [[[4], [5], [6], [7]], [[8], [9]]]


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit])
def test_what_would_end_a_process_in_silence_is_an_error_with_its_traceback(
    error: type[BaseException],
) -> None:
    def leave() -> None:
        raise error("enough")

    with pytest.raises(RuntimeError) as caught:
        list(pool(leave).batches(PLAN, 0))
    said = str(caught.value)
    assert f"line {leave.__code__.co_firstlineno + 1}, in leave\n" in said
    assert f"RuntimeError: sample 5 of Calls raised {error.__name__}: enough" in said


def test_processes_that_cannot_be_started_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fork", refuse)
        with pytest.raises(StartError) as caught:
            list(pool(int).batches(PLAN, 0))
    assert str(caught.value) == (
        "Processes that fetch samples cannot be started: [Errno 11] Resource temporarily "
        f"unavailable. {ELSE}"
    )
    assert len(list(pool(int).batches(PLAN, 0))) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="looks at open files")
def test_no_file_stays_open() -> None:
    def opened() -> list[str]:
        gc.collect()  # the error's frames
        names = []
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # the one that lists them
                names.append(os.readlink(entry))  # noqa: PTH115 - pipes are no paths
        return sorted(names)

    def once() -> None:
        with pytest.raises(DiedError):
            list(pool(lambda: os._exit(1)).batches(PLAN, 0))

    once()
    before = opened()
    for _ in range(3):
        once()
    after = opened()
    assert len(after) <= len(before), (before, after)
