"""Start a training process, end it at an instant, say where it was.

A process of Python with torch takes seconds to begin, so most are forked from this one, which has
imported everything and computed nothing; ``fresh`` ones begin from nothing, and are to end alike.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.faults_place import Place
from benchmarks.faults_recipes import RECIPES, Job
from benchmarks.faults_run import STOPPED_OUTSIDE, prepare, train

PATIENCE: Final = 120.0  # seconds; a process that takes longer hangs
_LOOK: Final = 0.001  # seconds between two looks at a process


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A signal that is sent from outside, ``after`` seconds from the start of the process."""

    number: int
    after: float


@dataclass(frozen=True, kw_only=True)
class End:
    """How a process ended.

    Attributes:
        code: its exit code; of a signal that killed it, the negative number.
        place: where it was when it was shot, or else when it ended.
        main: where its main thread was at its end.
        shot: whether a signal was sent, from outside or by its own plan.
        seconds: that it lived.
        outcome: what it wrote at its end, or None.
    """

    code: int
    place: str
    main: str
    shot: bool
    seconds: float
    outcome: dict[str, Any] | None

    @property
    def killed(self) -> bool:
        """Whether it died of SIGKILL."""
        return self.code == -signal.SIGKILL


def run(job: Job, *, fresh: bool = False, shot: Shot | None = None) -> End:
    """Run a job in a process of its own, and perhaps shoot at it.

    Raises:
        RuntimeError: when it hangs.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    place = Place(job.folder / "place")
    place.clear()
    began = time.perf_counter()
    pid = _start(job) if fresh else _fork(job)
    code, was_at = None, None
    if shot is not None:
        code = _wait(pid, began + shot.after)
        if code is None:
            was_at = place.read()
            os.kill(pid, shot.number)
    if code is None:
        code = _wait(pid, began + PATIENCE)
    if code is None:
        os.kill(pid, signal.SIGKILL)
        _wait(pid, time.perf_counter() + PATIENCE)
        raise RuntimeError(f"a process hangs at {place.read()!r}: {job}\n{told(job)}")
    return End(
        code=code,
        place=was_at or place.shot or place.read(),
        main=place.main,
        shot=was_at is not None or bool(place.shot),
        seconds=time.perf_counter() - began,
        outcome=_outcome(job),
    )


def warm_up(recipe: str, data: str) -> None:
    """Import what a training process of this recipe will, so that it can be forked from this one.

    torch imports a thousand modules when the first optimizer is made, and learnkit some of its own
    at the first fit.
    """
    import learnkit.saved_fit  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        fit = RECIPES[recipe](Job(recipe=recipe, data=data, work=folder, workers=0))
        fit.learn.data.one_batch()
        if not isinstance(fit.learn.optimizer, torch.optim.LBFGS):
            fit.learn.optimizer.step()  # nothing has a gradient


def told(job: Job) -> str:
    """Return what the last process of a job printed."""
    log = job.folder / "told.txt"
    return log.read_text(errors="replace")[-3000:] if log.exists() else ""


def _outcome(job: Job) -> dict[str, Any] | None:
    path = job.folder / "outcome.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _start(job: Job) -> int:
    command = [sys.executable, "-m", "benchmarks.faults_run", json.dumps(job.plain())]
    with (job.folder / "told.txt").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parents[1])
    child.returncode = 0  # waited for below; without this its end would be warned of
    return child.pid


def _fork(job: Job) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = _train(job)
        # from here on a shot comes too late, and must not lead the copy of the bench astray
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    finally:
        os._exit(code)


def _train(job: Job) -> int:
    """Train in a forked process; return the exit code that a process of its own would have."""
    log = os.open(job.folder / "told.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        prepare(job)
        return train(job)
    except KeyboardInterrupt:
        return STOPPED_OUTSIDE
    except SystemExit as error:
        return int(error.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _wait(pid: int, until: float) -> int | None:
    """Return the exit code of a child, or None when it lives on at ``until``."""
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.perf_counter() >= until:
            return None
        time.sleep(_LOOK)
