import gc
import os
import signal
import time
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from learnkit.data import processes
from learnkit.data.fetch import KeyedDataset
from learnkit.data.order import EpochPlan
from learnkit.data.processes import DiedError, StalledError
from learnkit.data.worker_pool import WorkerPool
from tests.children import Children

PLAN = EpochPlan(10, 4, seed=3, shuffle=True)


class Drawn(Dataset[Any]):
    """Gives where it was read, and a random number."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.rand(2), os.getpid()


class Deadly(Drawn):
    """Its process is killed, as the system does when memory runs out."""

    def __getitem__(self, index: int) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class Picky(Exception):
    """Cannot be made from a message alone."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one, two)


class Failing(Drawn):
    def __getitem__(self, index: int) -> Any:
        raise Picky(1, 2)


class Sleepy(Drawn):
    def __getitem__(self, index: int) -> Any:
        time.sleep(30)


def pool(dataset: Dataset[Any], workers: int = 1, **options: Any) -> WorkerPool:
    return WorkerPool(KeyedDataset(dataset, seed=1), workers, **options)


def facts(batches: Any) -> list[Any]:
    return [(one.indices.tolist(), one.batch.x.tolist()) for one in batches]


def test_the_processes_stay_from_epoch_to_epoch_also_when_one_is_left_early() -> None:
    many = pool(Drawn(), 2)
    before = {int(pid) for one in many.batches(PLAN.batches(0), 0) for pid in one.batch.y}
    early = many.batches(PLAN.batches(1), 1)
    next(early)
    early.close()
    after = {int(pid) for one in many.batches(PLAN.batches(2), 2) for pid in one.batch.y}
    assert os.getpid() not in before
    assert len(before) == 2
    assert after == before


def test_their_number_changes_nothing() -> None:
    one, two = (facts(pool(Drawn(), n).batches(PLAN.batches(5), 5)) for n in (1, 2))
    assert one == two


def test_two_passes_at_once_do_not_mix() -> None:
    many = pool(Drawn())
    expected = [facts(pool(Drawn()).batches(PLAN.batches(epoch), epoch)) for epoch in (0, 1)]
    both = (many.batches(PLAN.batches(epoch), epoch) for epoch in (0, 1))
    pairs = list(zip(*both, strict=True))
    assert [facts(side) for side in zip(*pairs, strict=True)] == expected
    assert facts(many.batches(PLAN.batches(1), 1)) == expected[1]


def test_the_processes_stay_also_when_a_pass_beside_theirs_ends_last() -> None:
    many = pool(Drawn())
    first, second = (many.batches(PLAN.batches(epoch), epoch) for epoch in (0, 1))
    before = {int(pid) for pid in next(first).batch.y}
    next(second)
    list(first), list(second)
    for epoch in (2, 3):
        after = {
            int(pid) for one in many.batches(PLAN.batches(epoch), epoch) for pid in one.batch.y
        }
        assert after == before


def test_a_process_that_dies_is_an_error_and_the_next_pass_starts_others(
    children: Children,
) -> None:
    deadly = pool(Deadly())
    for _ in range(2):
        with pytest.raises(DiedError, match="was killed by SIGKILL") as caught:
            list(deadly.batches(PLAN.batches(0), 0))
        assert getattr(caught.value, "__notes__", []) == []
        assert children() == []


def test_an_error_that_cannot_be_made_anew_still_brings_its_traceback() -> None:
    with pytest.raises(RuntimeError) as caught:
        list(pool(Failing()).batches(PLAN.batches(0), 0))
    assert "raise Picky(1, 2)" in str(caught.value)


def test_after_an_error_the_processes_have_ended_before_it_is_raised(children: Children) -> None:
    """Not when the garbage collector comes to it, which would take five seconds."""
    failing = pool(Failing())
    gc.disable()
    try:
        with pytest.raises(RuntimeError):
            list(failing.batches(PLAN.batches(0), 0))
        assert failing._staying is None
        assert children() == []
    finally:
        gc.enable()


def test_nothing_in_time_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_POLL", 0.1)
    stalling = pool(Sleepy(), patience=0.3)
    with pytest.raises(StalledError, match=r"gave nothing for 0 s\."):
        list(stalling.batches(PLAN.batches(0), 0))
    assert (stalling.has_given, stalling._staying) == (False, None)


def test_processes_that_died_with_nothing_to_do_are_replaced(children: Children) -> None:
    staying = pool(Drawn(), 2)
    expected = [facts(pool(Drawn()).batches(PLAN.batches(epoch), epoch)) for epoch in (0, 1)]
    assert facts(staying.batches(PLAN.batches(0), 0)) == expected[0]
    assert staying.has_given
    before = children()
    (pid, _) = sorted(each.pid or 0 for each in before)
    os.kill(pid, signal.SIGKILL)
    for each in before:
        if each.pid == pid:
            each.join()
    with pytest.warns(UserWarning, match="others are started") as warned:
        assert facts(staying.batches(PLAN.batches(1), 1)) == expected[1]
    assert [str(one.message) for one in warned] == [
        f"Process {pid}, which fetches samples, was killed by SIGKILL, as the system does when "
        "memory runs out: fewer num_workers or a smaller batch_size take less of it. No batch was "
        "waited for, so nothing is lost; others are started."
    ]
    after = {each.pid for each in children()}
    assert after.isdisjoint(each.pid for each in before)


def test_after_ctrl_c_in_the_caller_the_next_pass_is_as_good(
    monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    expected = facts(pool(Drawn()).batches(PLAN.batches(0), 0))
    staying = pool(Drawn())
    batches = staying.batches(PLAN.batches(0), 0)
    next(batches)
    with pytest.raises(KeyboardInterrupt):
        batches.throw(KeyboardInterrupt)
    assert children() == []
    assert facts(staying.batches(PLAN.batches(0), 0)) == expected


def test_memory_is_pinned_where_there_is_a_cuda_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        made = pool(Drawn())._processes(stay=True)
        assert (made.pin_memory, made.persistent_workers) == (there, True)
