"""One fit, started again each time it is ended, until it is whole; then its bits are compared.

`Lives` spends a number of shots on one recipe. Half of them are at an instant of the clock,
anywhere from the start of a process to its end; half are at a point inside of a save, and go
through all of these in turn.
"""

import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.faults_process import End, Shot, run, told, warm_up
from benchmarks.faults_recipes import Job
from benchmarks.faults_run import STOPPED, STOPPED_OUTSIDE

MOST_SHOTS: Final = 6  # in one life
FRESH: Final = 8  # one life in so many, from the second on, is of processes that begin from nothing
WORKERS: Final = (0, 1, 2, 4)
SIGTERM_EXIT: Final = 143


@dataclass
class Tally:
    """What came of the shots at one recipe.

    Attributes:
        recipe: its name.
        shots: signals that reached a process.
        places: how many of them where.
        lives: fits that were shot at, and finished.
        identical: shots in lives that ended bit-identical to the uninterrupted one.
        failures: what went wrong, in words.
        fresh: shots at processes that began from nothing.
    """

    recipe: str
    shots: int = 0
    places: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    identical: int = 0
    failures: list[str] = field(default_factory=list)
    fresh: int = 0

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**vars(self), "places": dict(self.places.most_common())}


class Lives:
    """Shoots at one recipe.

    Args:
        job: with a folder for all of it.
        rng: decides what is shot when.
        signals: what is sent, in turns.
        fresh: whether some processes begin from nothing, which takes seconds.
    """

    def __init__(
        self, job: Job, rng: random.Random, *, signals: tuple[int, ...], fresh: bool = True
    ) -> None:
        self._job, self._rng, self._signals, self._fresh = job, rng, signals, fresh
        self.tally = Tally(job.recipe)
        warm_up(job.recipe, job.data)
        self._reference, self._seconds = self._uninterrupted()
        points = self._reference["points"]
        self._counts = Counter(points)
        self._points = self._in_turn(sorted(self._counts))

    def _uninterrupted(self) -> tuple[dict[str, Any], dict[bool, float]]:
        """Run it in a fresh process and in a forked one: with the same outcome."""
        seconds, found = {}, []
        for fresh in (True, False) if self._fresh else (False,):
            job = self._place(f"whole-{fresh}", {"act": "trace"})
            end = run(job, fresh=fresh)
            if end.outcome is None:
                raise RuntimeError(f"{job.recipe} does not run: {end}\n{told(job)}")
            seconds[fresh] = end.seconds
            found.append(end.outcome)
        differing = _differing(found[0], found[-1])
        if differing:
            raise RuntimeError(f"{self._job.recipe} is not the same in two processes: {differing}")
        return found[0], seconds

    def _in_turn(self, points: list[str]) -> Iterator[str]:
        while True:
            self._rng.shuffle(points)
            yield from list(points)

    def shoot(self, shots: int) -> Tally:
        """Spend ``shots``; return what came of them."""
        number = 0
        while self.tally.shots < shots and number < 5 * shots + 10:
            number += 1
            self._live(number, min(MOST_SHOTS, shots - self.tally.shots))
        return self.tally

    def _live(self, number: int, most: int) -> None:
        """Shoot at one fit up to ``most`` times, then let it end."""
        fresh, hits = self._fresh and number % FRESH == 2, 0
        most = self._rng.randint(1, most)
        while True:
            job = self._place(f"life-{number}", None)
            shot = None
            if hits < most:
                job, shot = self._aimed(job, first=hits == 0, fresh=fresh)
            end = run(replace(job, workers=self._rng.choice(WORKERS)), fresh=fresh, shot=shot)
            if end.outcome is not None:
                if end.shot and _in_fit(end):
                    self.tally.failures.append(f"{job.folder}: a signal at {end.place!r} was lost")
                break
            if not self._is_hit(end, job):
                break
            hits += 1
            self._count(end, fresh)
        self.tally.lives += hits > 0
        if self._is_identical(end, job, number):
            self.tally.identical += hits
            shutil.rmtree(job.folder)

    def _aimed(self, job: Job, *, first: bool, fresh: bool) -> tuple[Job, Shot | None]:
        """Return the job with a shot at a point of a save, or a shot by the clock."""
        number = self._signals[self._rng.randrange(len(self._signals))]
        if self._rng.random() < 0.5:
            point = next(self._points)
            nth = self._rng.randint(1, self._counts[point] if first else 2)
            plan = {"act": "signal", "number": number, "at": point, "nth": nth}
            return replace(job, plan=plan), None
        after = self._rng.uniform(0, self._seconds[fresh])
        return job, Shot(number=number, after=after)

    def _is_hit(self, end: End, job: Job) -> bool:
        """Whether the process was ended by its shot, in one of the ways that are right."""
        if signal.SIGKILL in self._signals:
            return end.killed
        if end.code == STOPPED:
            used = job.folder / "usable"
            ok = used.exists()
            used.unlink(missing_ok=True)
            return ok
        if end.code == SIGTERM_EXIT:
            return True
        ways = (STOPPED_OUTSIDE, -signal.SIGINT, -signal.SIGTERM)
        return end.code in ways and _is_outside(end, of_two=(job.folder / "runs/frozen").exists())

    def _count(self, end: End, fresh: bool) -> None:
        self.tally.shots += 1
        self.tally.fresh += fresh
        self.tally.places[end.place] += 1

    def _is_identical(self, end: End, job: Job, number: int) -> bool:
        where = f"{job.recipe}, life {number}, {job.folder}"
        if end.outcome is None:
            self.tally.failures.append(
                f"{where}: ended with code {end.code} at {end.place!r}: {told(job)[-800:]}"
            )
            return False
        differing = _differing(self._reference, end.outcome)
        if differing:
            self.tally.failures.append(f"{where}: not the same: {', '.join(differing)}")
        return not differing

    def _place(self, name: str, plan: dict[str, Any] | None) -> Job:
        return replace(self._job, work=str(Path(self._job.work) / name), plan=plan)


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    a, b = one["left"], other["left"]
    return sorted(name for name in {*a, *b} if a.get(name) != b.get(name))


def _in_fit(end: End) -> bool:
    return end.place.startswith(("fit: ", "save: "))


def _is_outside(end: End, *, of_two: bool) -> bool:
    """Whether the loop may not have begun yet, or has ended: then a signal ends the process.

    A fit ``of_two`` parts has checkpoints in two folders of ``runs``; only opening one of them,
    which is done before its part begins, flushes ``runs`` itself.
    """
    begins = ("fit: begin", "fit: end") if end.place.startswith("fit: ") else (".lock", ".probe")
    opening = of_two and end.place == "save: fsync runs"
    return not _in_fit(end) or opening or end.place.endswith(begins)
