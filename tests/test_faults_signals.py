"""Ctrl-C and SIGTERM in a fit: nothing is lost of it, and nothing of the user's is touched."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faults_damage import tiny_learner
from benchmarks.faults_outcome import digest
from benchmarks.faults_points import watched
from learnkit.callback import Callback
from learnkit.history import History
from learnkit.learner import Learner
from learnkit.runs.folder import RunFolder
from learnkit.state import State

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")


@pytest.fixture(autouse=True)
def fresh_handlers() -> Iterator[None]:
    """Those of a fresh process; a shell may have started this one with Ctrl-C ignored."""
    with (
        handler(signal.SIGINT, signal.default_int_handler),
        handler(signal.SIGTERM, signal.SIG_DFL),
    ):
        yield


class At(Callback):
    """Do something in one hook, the first time."""

    looks_on = True

    def __init__(self, hook: str, action: Callable[[], object]) -> None:
        self._action = action
        setattr(self, hook, self._once)

    def _once(self, state: State, error: BaseException | None = None) -> None:
        action, self._action = self._action, lambda: None
        action()


def fit(learn: Learner, folder: Path | None, *callbacks: Callback) -> History:
    return learn.fit(2, 0.1, checkpoint=folder, every_steps=1, callbacks=callbacks, progress=False)


def bits(learn: Learner) -> str:
    return digest([learn.model.state_dict(), learn.optimizer.state_dict()])


@pytest.fixture
def expected() -> str:
    """What the uninterrupted fit ends with."""
    learn = tiny_learner()
    fit(learn, None)
    return bits(learn)


@contextmanager
def handler(number: signal.Signals, action: Any) -> Iterator[None]:
    before = signal.signal(number, action)
    try:
        yield
    finally:
        signal.signal(number, before)


def sends(*numbers: signal.Signals) -> Callable[[], None]:
    def send() -> None:
        for number in numbers:
            signal.raise_signal(number)

    return send


def test_a_second_ctrl_c_does_not_wait_for_the_batch(tmp_path: Path, expected: str) -> None:
    reached: list[str] = []

    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        reached.append("the first only asks")
        signal.raise_signal(signal.SIGINT)
        reached.append("the second raises")

    learn = tiny_learner()
    with pytest.raises(KeyboardInterrupt):
        fit(learn, tmp_path / "runs", At("after_forward", twice))
    assert reached == ["the first only asks"]
    assert learn.validate()["valid_loss"] > 0
    again = tiny_learner()
    fit(again, tmp_path / "runs")
    assert bits(again) == expected


@pytest.mark.parametrize("hook", ["after_fit", "after_epoch", "before_fit", "after_loss"])
def test_a_signal_is_never_lost(hook: str, tmp_path: Path, expected: str) -> None:
    learn = tiny_learner()
    with pytest.raises(SystemExit) as told:
        fit(learn, tmp_path / "runs", At(hook, sends(signal.SIGTERM)))
    assert told.value.code == 143
    again = tiny_learner()
    assert len(fit(again, tmp_path / "runs")) == 2
    assert bits(again) == expected


def test_a_signal_while_the_last_checkpoint_is_written_is_not_lost(
    tmp_path: Path, expected: str
) -> None:
    def announce(point: str) -> None:
        if point == "fsync runs/checkpoint-finished.tmp/model.safetensors":
            signal.raise_signal(signal.SIGINT)

    learn = tiny_learner()
    with watched(tmp_path, announce), pytest.raises(KeyboardInterrupt):
        fit(learn, tmp_path / "runs")
    assert bits(learn) == expected
    assert len(learn.history) == 2
    assert RunFolder(tmp_path / "runs").names()[-1].endswith("-finished")


def test_a_signal_before_an_error_is_not_lost() -> None:
    def fail() -> None:
        signal.raise_signal(signal.SIGTERM)
        raise ValueError("a callback's own")

    with pytest.raises(SystemExit) as told:
        fit(tiny_learner(), None, At("before_batch", fail))
    assert told.value.code == 143
    assert str(told.value.__cause__) == "a callback's own"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_handler_of_the_user_stays_and_is_called(number: signal.Signals, expected: str) -> None:
    called: list[int] = []
    learn = tiny_learner()
    with handler(number, lambda number, frame: called.append(number)):
        mine = signal.getsignal(number)
        fit(learn, None, At("before_batch", sends(number)))
        assert signal.getsignal(number) is mine
    assert called == [number]
    assert bits(learn) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_is_ignored_stays_ignored(number: signal.Signals, expected: str) -> None:
    learn = tiny_learner()
    with handler(number, signal.SIG_IGN):
        fit(learn, None, At("before_batch", sends(number)))
        assert signal.getsignal(number) is signal.SIG_IGN
    assert bits(learn) == expected


def test_a_handler_that_comes_during_the_fit_stays() -> None:
    def mine(number: int, frame: object) -> None: ...

    fit(tiny_learner(), None, At("before_batch", lambda: signal.signal(signal.SIGINT, mine)))
    assert signal.getsignal(signal.SIGINT) is mine


@pytest.mark.parametrize("fails", [False, True])
def test_handlers_are_put_back(fails: bool) -> None:
    def during() -> None:
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        if fails:
            raise ValueError("a callback's own")

    called = At("before_batch", during)
    if fails:
        with pytest.raises(ValueError, match="a callback's own"):
            fit(tiny_learner(), None, called)
    else:
        fit(tiny_learner(), None, called)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_fit_in_a_thread_leaves_signals_alone(tmp_path: Path, expected: str) -> None:
    seen: list[object] = []
    learn = tiny_learner()
    look = At("before_batch", lambda: seen.append(signal.getsignal(signal.SIGINT)))
    thread = threading.Thread(target=fit, args=(learn, tmp_path / "runs", look))
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
    assert bits(learn) == expected


NOTEBOOK = [
    """
import torch
from learnkit import models
from learnkit.learner import Learner
from learnkit.vision import DataBunch
x = torch.arange(16.0).reshape(8, 2).remainder(5.0)
data = DataBunch.from_arrays(x, (x[:, 0] > 2).long(), bs=3)
learn = Learner(data, models.linear(2, 2), device="cpu", precision="fp32")
""",
    "learn.fit(10**7, checkpoint='runs', progress=False)",
    """
interrupted = len(learn.history)
learn.validate()
print(interrupted > 0, len(learn.fit(2, progress=False)), len(learn.history) - interrupted)
""",
]


def test_a_cell_that_is_interrupted_is_followed_by_one_that_fits(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs the extra dev")
    nbclient = pytest.importorskip("nbclient", reason="needs the extra dev")
    pytest.importorskip("ipykernel", reason="needs the extra dev")
    runs = RunFolder(tmp_path / "runs")

    def interrupt() -> None:
        for _ in range(6000):
            if len(runs.names()) > 1:  # the start, and the end of an epoch
                asyncio.run(client.km.interrupt_kernel())
                return
            time.sleep(0.01)

    def started(cell: Any, cell_index: int) -> None:
        if cell_index == 1:
            threading.Thread(target=interrupt).start()

    cells = [nbformat.v4.new_code_cell(source.strip()) for source in NOTEBOOK]
    client = nbclient.NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        kernel_name="python3",
        allow_errors=True,
        timeout=120,
        on_cell_start=started,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    assert [output.get("ename") for output in cells[1].outputs] == ["KeyboardInterrupt"]
    assert [output.get("text") for output in cells[2].outputs] == ["True 2 2\n"]
    assert runs.newest() is not None
