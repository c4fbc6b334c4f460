"""A disk that is full: the error of it at every single point of a save, and a small disk for real.

Each point is met twice: once the fit goes on after it, and once the process is killed as soon as it
has told of it, and is started again.
"""

import errno
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.faults_process import End, run, told, warm_up
from benchmarks.faults_recipes import Job

LONG: Final = 60  # points for which a disk stays full
ROOM: Final = 1 << 20  # bytes of the small disk: enough for a few checkpoints
# files, which depend on what could be written
CHECKPOINTS: Final = ("runs: last", "runs: best", "runs: best weights")
CALLBACKS: Final = ("log", "best weights")  # complete again as soon as there is room


@dataclass
class DiskTally:
    """What came of a full disk.

    Attributes:
        points: different calls at which the disk was full.
        faults: how often that was, in all.
        went_on: the fit ended with the weights of the one that was left alone.
        refused: it was an error, because the fit had written nothing yet.
        stopped: a log or other file of a callback could not be written, and the fit ended there.
        resumed: fits that were killed or ended there, and went on from an older checkpoint to the
            same bits.
        failures: what went wrong, in words.
        skipped: what could not be done here, and why.
    """

    points: int = 0
    faults: int = 0
    went_on: int = 0
    refused: int = 0
    stopped: int = 0
    resumed: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: str = ""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(vars(self))


class Disk:
    """Fills the disk of one recipe.

    Args:
        job: with a folder for all of it.
    """

    def __init__(self, job: Job) -> None:
        self._job = replace(job, workers=0)
        self.tally = DiskTally()
        warm_up(job.recipe, job.data)
        end = run(self._at("whole", {"act": "trace"}))
        if end.outcome is None:
            raise RuntimeError(f"{job.recipe} does not run:\n{told(self._at('whole', None))}")
        self._left, self._points = end.outcome["left"], Counter(end.outcome["points"])

    def fill(self) -> DiskTally:
        """Let every kind of call fail, for the first and the last time that it is made."""
        for number, (point, count) in enumerate(sorted(self._points.items())):
            self.tally.points += 1
            self._one(f"{number}-first", point, 1, then="go on")
            self._one(f"{number}-last", point, count, then="kill")
            if point.startswith("write"):
                self._one(f"{number}-long", point, 1, then="go on", times=LONG)
        return self.tally

    def _one(self, name: str, point: str, nth: int, *, then: str, times: int = 1) -> None:
        plan = {"act": "fail", "number": errno.ENOSPC, "at": point, "nth": nth}
        job = self._at(name, plan | {"then": then, "times": times})
        self.tally.faults += 1
        end = run(job)
        problem = self._judge(end, job)
        if problem:
            self.tally.failures.append(f"{job.folder}: {point} ({nth}, {then}): {problem}")
        else:
            shutil.rmtree(job.folder)

    def _judge(self, end: End, job: Job) -> str:
        """Return what is wrong with how a process ended whose disk was full for a while."""
        if end.outcome is not None:
            self.tally.went_on += 1
            stays = (job.plan or {}).get("times", 1) > 1  # perhaps to the very end
            return self._difference(end, but=CALLBACKS if stays else ())
        said, stored = told(job), list((job.folder / "runs").rglob("step-*"))
        if "CheckpointError" in said and all(path.match("*-start") for path in stored):
            self.tally.refused += 1
        elif os.strerror(errno.ENOSPC) in said and "learnkit/callbacks/" in said:
            self.tally.stopped += 1  # a checkpoint that cannot be written ends no fit
        elif not end.killed:
            return f"ended with code {end.code}: {said[-800:]}"
        again = run(replace(job, plan=None))
        self.tally.resumed += 1
        return self._difference(again) if again.outcome else f"did not go on: {told(job)[-800:]}"

    def small(self) -> DiskTally:
        """Do it with a small disk that is really full, where one can be mounted."""
        job = self._at("small", None)
        runs = job.folder / "runs"
        runs.mkdir(parents=True)
        with mounted(runs) as problem:
            if problem:
                self.tally.skipped = f"a small disk for real: {problem}"
                return self.tally
            point = "fsync runs/checkpoint.tmp"
            end = run(replace(job, plan={"act": "kill", "at": point, "nth": 4}))
            filler = runs / "filler"
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while end.killed:
                    file.write(bytes(4096))
            went_on = run(replace(job, plan={"act": "fail", "at": "nothing"}))
            problem = self._difference(went_on) if went_on.outcome else told(job)
            if not problem and not (went_on.outcome or {}).get("warnings"):
                problem = "there was no warning"
            filler.unlink()
            (job.folder / "outcome.json").unlink(missing_ok=True)
            again = run(job)
            problem = problem or (self._difference(again) if again.outcome else told(job))
        self.tally.faults, self.tally.went_on = self.tally.faults + 1, self.tally.went_on + 1
        if problem:
            self.tally.failures.append(f"{job.folder}: a small disk: {problem}")
        return self.tally

    def _difference(self, end: End, *, but: Sequence[str] = ()) -> str:
        left = {} if end.outcome is None else end.outcome["left"]
        names = self._left.keys() - {*CHECKPOINTS, *but}
        return ", ".join(sorted(n for n in names if self._left[n] != left.get(n)))

    def _at(self, name: str, plan: dict[str, Any] | None) -> Job:
        return replace(self._job, work=str(Path(self._job.work) / name), plan=plan)


@contextmanager
def mounted(folder: Path, *, room: int = ROOM) -> Iterator[str]:
    """Mount a disk of ``room`` bytes in memory at ``folder``, or say why that cannot be done."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={room}", "learnkit-faults", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        yield "there is no mount"
        return
    except subprocess.CalledProcessError as error:
        yield error.stderr.strip()
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", str(folder)], check=True)
