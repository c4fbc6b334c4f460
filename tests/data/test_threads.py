import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from learnkit.data import threads
from learnkit.data.forking import quiet_fork
from learnkit.data.threads import Task, Threads
from learnkit.errors import DataError

SECONDS = 60  # until a child that should have ended is a failure


@pytest.fixture
def two() -> Iterator[Threads[int]]:
    made: Threads[int] = Threads(2, name="two")
    yield made
    made.close()


def named(index: int) -> str:
    return f"image {index}"


def square(task: Task[int], n: int) -> int:
    return n * n


def alive(name: str) -> int:
    return sum(thread.name.startswith(name) for thread in threading.enumerate())


def test_every_task_is_done_and_no_more_threads_run_than_told(two: Threads[int]) -> None:
    assert alive("two") == 0
    tasks = [two.submit(square, n) for n in range(20)]
    assert [two.result(task, named) for task in tasks] == [n * n for n in range(20)]
    assert alive("two") == 2
    two.close()
    assert alive("two") == 0


def test_with_no_threads_the_caller_does_the_work() -> None:
    none: Threads[threading.Thread] = Threads(0, name="none")
    task = none.submit(lambda task: threading.current_thread())
    assert none.result(task, named) is threading.current_thread()


def test_whatever_a_task_raises_comes_out_with_its_traceback(two: Threads[int]) -> None:
    class Odd(BaseException):
        pass

    def fail(task: Task[int]) -> int:
        raise Odd("oh")

    task = two.submit(fail)
    with pytest.raises(Odd, match="oh") as caught:
        two.result(task, named)
    assert [entry.name for entry in caught.traceback][-1] == "fail"
    assert two.result(two.submit(square, 3), named) == 9  # the thread lives on


def test_nothing_of_a_finished_task_is_held(two: Threads[int]) -> None:
    """Else the memory of a batch could not be used again."""

    class Pixels:
        pass

    def take(task: Task[int], pixels: Pixels) -> int:
        return 1

    gc.disable()
    try:
        pixels = Pixels()
        gone = weakref.ref(pixels)
        assert two.result(two.submit(take, pixels), named) == 1
        del pixels
        deadline = time.monotonic() + SECONDS
        while gone() is not None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert gone() is None
    finally:
        gc.enable()


def test_closing_drops_what_waits_and_ends_what_runs(two: Threads[int]) -> None:
    running, let_go, done = threading.Semaphore(0), threading.Event(), []

    def work(task: Task[int], n: int) -> int:
        running.release()
        assert let_go.wait(SECONDS)
        done.append(n)
        return n

    for n in range(10):
        two.submit(work, n)
    running.acquire(timeout=SECONDS), running.acquire(timeout=SECONDS)
    threading.Timer(0.05, let_go.set).start()
    two.close()
    assert sorted(done) == [0, 1]
    assert alive("two") == 0


def test_what_is_stuck_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_LINGER", 0.05)
    began, let_go = threading.Event(), threading.Event()
    stuck: Threads[bool] = Threads(1, name="stuck")

    def wait(task: Task[bool]) -> bool:
        began.set()
        return let_go.wait(SECONDS)

    stuck.submit(wait)
    assert began.wait(SECONDS)
    stuck.close()
    assert alive("stuck") == 1
    let_go.set()


def test_progress_within_a_task_is_no_standstill(
    two: Threads[int], monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(threads, "_POLL", 0.02)
    monkeypatch.setattr(threads, "WARN_AFTER", 0.2)
    monkeypatch.setattr(threads, "GIVE_UP_AFTER", 0.3)

    def slow(task: Task[int]) -> int:
        for task.at in range(40):
            time.sleep(0.02)
        return 1

    assert two.result(two.submit(slow), named) == 1
    assert not recwarn.list


def test_threads_that_the_system_refuses_are_done_without() -> None:
    """Each would need more memory for its stack than there are addresses."""
    many: Threads[int] = Threads(3, name="many")
    before = threading.stack_size(1 << 46)
    try:
        with pytest.warns(UserWarning, match="could be started") as warned:
            tasks = [many.submit(square, n) for n in range(4)]
    finally:
        threading.stack_size(before)
    assert [many.result(task, named) for task in tasks] == [0, 1, 4, 9]
    assert len(warned) == 1
    assert str(warned[0].message).startswith("0 of 3 decoding threads could be started: ")
    many.close()


def test_fewer_threads_than_asked_for_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    start, many = threading.Thread.start, Threads[int](3, name="many")

    def refuse_the_second(thread: threading.Thread) -> None:
        if thread.name == "many_1":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_the_second)
    with pytest.warns(UserWarning, match="^1 of 3 decoding threads could be started"):
        tasks = [many.submit(square, n) for n in range(9)]
    assert [many.result(task, named) for task in tasks] == [n * n for n in range(9)]
    assert alive("many") == 1
    many.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_program_that_ends_amid_the_work_ends_quietly(tmp_path: Path) -> None:
    """Also when one of its threads opens a pipe that nobody writes to, which takes for ever."""
    os.mkfifo(tmp_path / "pipe")
    script = f"""
import time
from learnkit.data import threads
threads._LINGER = 0.2
stuck, busy = threads.Threads(1, name="stuck"), threads.Threads(4, name="busy")
stuck.submit(lambda task: open({str(tmp_path / "pipe")!r}, "rb"))
tasks = [busy.submit(lambda task: sum(range(300_000))) for _ in range(500)]
busy.result(tasks[3], str)
print("end")
"""
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "end\n", "")


GONE = (
    "The decoding threads ended before their work did, as after a fork amid an epoch. Begin the "
    "epoch anew; num_workers=0 decodes without threads."
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_was_forked_amid_the_work_is_told(
    two: Threads[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The threads are not in the child, where nobody would ever do the task."""
    monkeypatch.setattr(threads, "_POLL", 0.05)
    let_go = threading.Event()
    task = two.submit(lambda task: let_go.wait(SECONDS))
    reader, writer = os.pipe()
    with quiet_fork():
        child = os.fork()
    if not child:
        try:
            two.result(task, named)
        except BaseException as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert pipe.read() == GONE
    os.waitpid(child, 0)
    let_go.set()


def test_threads_that_were_killed_are_an_error_and_no_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A debugger, or a library that limits time, may raise in a thread from outside."""
    monkeypatch.setattr(threads, "_POLL", 0.05)
    monkeypatch.setattr(threading, "excepthook", lambda told: None)
    one: Threads[int] = Threads(1, name="killed")
    one.result(one.submit(square, 1), named)
    (thread,) = one._threads
    ident, raised = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, raised) == 1
    one.submit(square, 1)  # wakes it up
    thread.join(SECONDS)
    with pytest.raises(DataError) as caught:
        one.result(one.submit(square, 1), named)
    assert str(caught.value) == GONE
    one.close()
