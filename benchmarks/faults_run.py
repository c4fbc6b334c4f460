"""One real training process, to be killed: ``python -m benchmarks.faults_run JOB``.

It trains with checkpoints, goes on where it was stopped, and writes ``outcome.json`` at its end.
``JOB`` is the JSON of a ``faults_recipes.Job``. Its ``plan`` says what happens inside of a save:

    {"act": "kill", "at": "fsync checkpoint.tmp/model.safetensors", "nth": 3}

ends the process with SIGKILL at the third such point; ``"signal"`` sends it ``"number"``;
``"fail"`` raises the error ``"number"``, for ``"times"`` points on, and with ``"then": "kill"`` the
process ends as soon as it has told of that; ``"trace"`` notes all points in the outcome.
"""

import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import torch

from benchmarks.faults_outcome import outcome
from benchmarks.faults_parts import Where
from benchmarks.faults_place import Place
from benchmarks.faults_points import watched
from benchmarks.faults_recipes import RECIPES, Fit, Job
from learnkit.runs.folder import RunFolder

STOPPED: Final = 130  # by Ctrl-C within the fit; the learner was then used
STOPPED_OUTSIDE: Final = 131

# a disk that is full takes no byte and no name; it does let go of them
NEED_SPACE: Final = ("write", "fsync", "mkdir", "open", "create", "rename", "replace")


def train(job: Job) -> int:
    """Run a job to its end; return the exit code."""
    place, told = Place(job.folder / "place"), _warned(job)
    place.say("data and model")
    listener = _Listener(job, place)
    with watched(job.folder, listener), _end_of_saves(place):
        fit = RECIPES[job.recipe](job)
        place.say("fit: begin")
        try:
            history = fit.run(callbacks=[*fit.callbacks, Where(place)])
        except KeyboardInterrupt:
            begun = place.main != "fit: begin"
            place.say("after Ctrl-C")
            _use(fit, job.folder, begun=begun)
            return STOPPED
        place.saving("")
        place.say("after the fit")
        left = outcome(fit, history, job)
    found = {"left": left, "points": listener.trace, "warnings": told}
    part = job.folder / "outcome.part"
    part.write_text(json.dumps(found))
    part.replace(job.folder / "outcome.json")
    place.say("over")
    return 0


class _Listener:
    """Follows the plan of a job at each point of a save."""

    def __init__(self, job: Job, place: Place) -> None:
        self.trace: list[str] = []
        self._plan, self._place = job.plan or {}, place
        self._met = 0
        self._lock = threading.Lock()

    def __call__(self, point: str) -> None:
        if point.partition(" ")[2].startswith("runs"):
            self._place.saving(f"save: {point}")
        with self._lock:
            if self._plan.get("act") == "trace":
                self.trace.append(point)
            elif self._is_meant(point):
                self._act(point)

    def _is_meant(self, point: str) -> bool:
        plan = self._plan
        self._met += point == plan.get("at")
        begun = self._met - plan.get("nth", 1)
        if plan.get("times", 1) > 1 and begun >= 0:  # everything fails for a while
            plan["times"] -= 1
            return point.startswith(NEED_SPACE)
        return begun == 0 and point == plan.get("at")

    def _act(self, point: str) -> None:
        self._place.shoot(f"save: {point}")
        number = self._plan.get("number", signal.SIGKILL)
        if self._plan["act"] == "fail":
            raise OSError(number, os.strerror(number))
        os.kill(os.getpid(), number)


@contextmanager
def _end_of_saves(place: Place) -> Iterator[None]:
    """Tell ``place`` when a save has ended, which is when older checkpoints have gone."""
    prune = RunFolder.prune

    def told(folder: RunFolder, keep: int | None) -> None:
        prune(folder, keep)
        place.saving("")

    with patch.object(RunFolder, "prune", told):
        yield


def _warned(job: Job) -> list[str]:
    """Return the list that warnings go to; a process that is only killed must not give any."""
    told: list[str] = []
    plan = job.plan or {}

    def tell(message: Warning | str, *args: Any, **others: Any) -> None:
        told.append(str(message))
        if plan.get("then") == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

    if plan.get("act") == "fail":
        warnings.simplefilter("always")
        warnings.showwarning = tell
    else:
        warnings.simplefilter("error")
    return told


def _use(fit: Fit, folder: Path, *, begun: bool) -> None:
    """Do with an interrupted learner what a user may: look at it, save it, train it on."""
    learn, trained = fit.learn, len(fit.learn.history)
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        assert signal.getsignal(number) is handler, "a handler was not put back"
    assert not (begun and learn.model.training), "the model was left in training mode"
    before = learn.validate()
    learn.save(folder / "after")
    learn.fit(1, 1e-3, progress=False)
    assert len(learn.history) == trained + 1
    learn.load(folder / "after")
    assert learn.validate() == before, "save and load give another model"
    for run in {found.parent for found in (folder / "runs").rglob("step-*-start")}:
        assert RunFolder(run).newest() is not None
    (folder / "usable").touch()


def prepare(job: Job) -> None:
    """Make this process ready: one torch thread, and the handlers that a fresh process has."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["LEARNKIT_HOME"] = str(job.folder / "home")


def main() -> int:
    """Train in a process of its own."""
    job = Job(**json.loads(sys.argv[1]))
    prepare(job)
    return train(job)


if __name__ == "__main__":
    sys.exit(main())
