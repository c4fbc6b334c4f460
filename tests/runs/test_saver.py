"""Saver: when a fit is saved, by which thread, and what a failure costs."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from learnkit.checkpoint import Snapshot
from learnkit.errors import CheckpointError
from learnkit.monitor import Monitor
from learnkit.runs import saver as module
from learnkit.runs.checkpoints import Checkpoints, SavePlan
from learnkit.runs.folder import RunFolder
from learnkit.runs.saver import Saver


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    with RunFolder(tmp_path / "run") as entered:
        yield entered


def head(snapshot: Snapshot) -> dict[str, Any]:
    return {"fingerprint": "f", "thread": threading.current_thread().name}


def make(folder: RunFolder, *, monitor: Monitor | None = None, **options: Any) -> Saver:
    names = ("keep", "background")
    where = {name: options.pop(name) for name in names if name in options}
    plan = SavePlan(where=Checkpoints(folder.path, **where), **options)
    return Saver(folder, plan, head=head, monitor=monitor)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


# ---------------------------------------------------------------- when


def test_it_is_time_after_so_many_minutes(
    folder: RunFolder, clock: Clock, make_snapshot: Any
) -> None:
    saver = make(folder, every_minutes=2.0)
    due = []
    for seconds in (0, 119, 1, 1):
        clock.now += seconds
        due.append(saver.due(5))
    assert due == [False, False, True, True]
    saver.save(make_snapshot("train", 5), steps_done=5, wait=True)
    assert not saver.due(500)


def test_it_is_time_after_so_many_steps(
    folder: RunFolder, clock: Clock, make_snapshot: Any
) -> None:
    saver = make(folder, every_minutes=None, every_steps=3)
    saver.started(10)  # a fit that goes on
    assert [saver.due(steps) for steps in (10, 12, 13, 14)] == [False, False, True, True]
    saver.save(make_snapshot("train", 14), steps_done=14, wait=True)
    assert [saver.due(steps) for steps in (14, 16, 17)] == [False, False, True]


def test_without_either_it_never_is(folder: RunFolder, clock: Clock) -> None:
    saver = make(folder, every_minutes=None)
    clock.now += 1e9
    assert not saver.due(10**9)


# ---------------------------------------------------------------- how


@pytest.mark.parametrize(
    ("background", "wait", "beside"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_a_thread_writes_unless_somebody_waits(
    folder: RunFolder, make_snapshot: Any, background: bool, wait: bool, beside: bool
) -> None:
    saver = make(folder, background=background)
    saver.save(make_snapshot("train", 5), steps_done=5, wait=wait)
    saver.close()
    found = folder.read("step-00000005")
    assert found.head["fingerprint"] == "f"
    assert found.head["thread"].startswith("learnkit-checkpoint") is beside


def test_the_first_one_is_written_at_once_and_its_failure_is_an_error(
    folder: RunFolder, make_snapshot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = make(folder)
    saver.first(make_snapshot("epoch"))
    assert folder.names() == ["step-00000000-start"]
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError):
        saver.first(make_snapshot("epoch"))


def test_the_next_one_waits_for_the_one_that_is_being_written(
    folder: RunFolder, make_snapshot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, order = threading.Event(), []
    write = RunFolder.write

    def slow(self: RunFolder, name: str, snapshot: Snapshot) -> None:
        order.append(f"begin {name}")
        if len(order) == 1:
            assert go_on.wait(60)
        write(self, name, snapshot)
        order.append(f"end {name}")

    monkeypatch.setattr(RunFolder, "write", slow)
    saver = make(folder, keep=None)
    saver.save(make_snapshot("train", 1), steps_done=1)
    threading.Timer(0.05, go_on.set).start()
    saver.save(make_snapshot("train", 2), steps_done=2)
    saver.close()
    assert order == [
        "begin step-00000001",
        "end step-00000001",
        "begin step-00000002",
        "end step-00000002",
    ]


def test_after_closing_no_thread_is_left(folder: RunFolder, make_snapshot: Any) -> None:
    saver = make(folder)
    saver.save(make_snapshot("train", 1), steps_done=1)
    saver.close()
    saver.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("learnkit-checkpoint")]


def test_what_is_held_is_written_once_and_only_if_asked_for(
    folder: RunFolder, make_snapshot: Any
) -> None:
    saver = make(folder)
    saver.hold(make_snapshot("valid", 5))
    saver.hold(None)
    saver.save_held(steps_done=5, wait=True)
    assert folder.names() == []
    saver.hold(make_snapshot("valid", 10, epochs=1))
    saver.save_held(steps_done=10, wait=True)
    assert folder.names() == ["step-00000010-before-valid"]
    folder.clear()
    saver.save_held(steps_done=10, wait=True)
    assert folder.names() == []


# ---------------------------------------------------------------- failures


def full(*args: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("wait", [True, False])
def test_a_checkpoint_that_cannot_be_written_is_a_warning_and_the_older_one_is_named(
    folder: RunFolder, make_snapshot: Any, monkeypatch: pytest.MonkeyPatch, wait: bool
) -> None:
    saver = make(folder)
    saver.first(make_snapshot("epoch"))
    monkeypatch.setattr(os, "fsync", full)

    def save() -> None:
        saver.save(make_snapshot("train", 5), steps_done=5, wait=wait)
        saver.wait()

    with pytest.warns(UserWarning, match="goes on without") as caught:
        save()
    assert [str(w.message) for w in caught] == [
        "The fit goes on without a new checkpoint: cannot write "
        f"{folder.path / 'step-00000005'}: No space left on device. Give a folder that you may "
        "write to. The last one that is whole is step-00000000-start."
    ]
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    saver.save(make_snapshot("train", 6), steps_done=6, wait=wait)
    saver.close()
    assert folder.names() == ["step-00000000-start", "step-00000006"]


def test_when_there_is_none_yet_it_says_so(
    folder: RunFolder, make_snapshot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="goes on without") as caught:
        make(folder).save(make_snapshot("train", 5), steps_done=5, wait=True)
    assert str(caught[0].message).endswith(" There is none.")


# ---------------------------------------------------------------- what stays


def losses(*values: float) -> list[dict[str, float]]:
    return [{"loss": value} for value in values]


def test_older_ones_are_deleted_once_a_newer_one_is_whole(
    folder: RunFolder, make_snapshot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = make(folder, keep=1)
    saver.first(make_snapshot("epoch"))
    saver.save(make_snapshot("train", 1), steps_done=1, wait=True)
    seen: list[list[str]] = []
    prune = RunFolder.prune

    def looking(self: RunFolder, keep: int | None) -> None:
        seen.append(self.names())
        prune(self, keep)

    monkeypatch.setattr(RunFolder, "prune", looking)
    saver.save(make_snapshot("train", 2), steps_done=2, wait=True)
    assert seen == [["step-00000000-start", "step-00000001", "step-00000002"]]
    assert folder.names() == ["step-00000000-start", "step-00000002"]


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 3)])
def test_the_best_epochs_one_is_marked_and_stays(
    folder: RunFolder, make_snapshot: Any, mode: Any, best: int
) -> None:
    saver = make(folder, keep=1, monitor=Monitor("loss", mode))
    values = (0.5, 0.1, 0.9, float("nan"), 0.3)
    for epoch in range(1, 6):
        rows = losses(*values[:epoch])
        saver.save(
            make_snapshot("epoch", 4 * epoch, epochs=epoch, rows=rows),
            steps_done=4 * epoch,
            wait=True,
        )
    mark = folder.best()
    assert mark is not None
    assert (mark.name, mark.value) == (f"step-{4 * best:08d}-epoch-{best:03d}", values[best - 1])
    assert mark.name in folder.names()
    assert len(folder.names()) == 3


def test_an_epoch_without_the_number_is_not_the_best(folder: RunFolder, make_snapshot: Any) -> None:
    saver = make(folder, monitor=Monitor("accuracy", "max"))
    saver.save(make_snapshot("epoch", 4, epochs=1), steps_done=4, wait=True)
    assert folder.best() is None
