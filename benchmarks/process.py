"""Run a process and say what it and its children cost; Linux's ``/proc`` where there is one."""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

MIB = 1 << 20
SECONDS_BETWEEN_LOOKS = 0.05
LOOKS_PER_SHARE = 10  # asking for shares of memory makes the process wait: seldom


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that ``pid`` started, and those that they started."""
    with suppress(OSError):
        for task in list(Path(f"/proc/{pid}/task").iterdir()):
            with suppress(OSError):
                for child in map(int, (task / "children").read_text().split()):
                    yield child
                    yield from descendants(child)


def rss(pid: int) -> int:
    """Return the bytes of memory of one process that are resident; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def pss(pid: int) -> int:
    """Return the same with shared pages divided among those that share them."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def peak_rss() -> int:
    """Return the most bytes that this process ever had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT


def _cpu_of(pid: int) -> float:
    """Return a live process's processor seconds, those of its ended children included."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """Return the processor seconds of this process and all it started, live or ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    live = sum(map(_cpu_of, descendants(os.getpid())))
    return time.process_time() + ended.ru_utime + ended.ru_stime + live


class Stopwatch:
    """Wall and processor seconds of a ``with`` block, its child processes included."""

    wall = 0.0
    cpu = 0.0

    def __enter__(self) -> Self:
        self._cpu, self._wall = cpu_seconds(), time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = cpu_seconds() - self._cpu


@dataclass
class Peak:
    """Looks at a process and its children now and then, from a thread, and keeps the most.

    Attributes:
        pid: the process.
        rss: bytes resident, shared pages counted in each process.
        pss: bytes with shared pages counted once; 0 where the system does not say.
    """

    pid: int
    rss: int = 0
    pss: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        looks = 0
        while not self._stop.wait(SECONDS_BETWEEN_LOOKS):
            tree = [self.pid, *descendants(self.pid)]
            self.rss = max(self.rss, sum(map(rss, tree)))
            if looks % LOOKS_PER_SHARE == 0:
                self.pss = max(self.pss, sum(map(pss, tree)))
            looks += 1


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A process that ended: what it said, and what it and its children cost."""

    code: int
    out: str
    err: str
    wall: float
    cpu: float
    peak_rss_mb: float
    peak_pss_mb: float

    def memory(self) -> dict[str, float]:
        """Return the peaks: shared pages counted in each process, and counted once."""
        return {"peak_rss_mb": self.peak_rss_mb, "peak_pss_mb": self.peak_pss_mb}

    def check(self, what: str) -> None:
        """Raise RuntimeError with what the process said if it failed."""
        if self.code:
            raise RuntimeError(f"{what} failed with code {self.code}:\n{self.err}")


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Finished:
    """Run a command to its end; what it prints is kept, not shown."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=err, env=env)
        with Peak(child.pid) as peak:
            _, status, used = os.wait4(child.pid, 0)
            wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        largest = used.ru_maxrss * RSS_UNIT
        return Finished(
            code=child.returncode,
            out=out.read(),
            err=err.read(),
            wall=wall,
            cpu=used.ru_utime + used.ru_stime,
            peak_rss_mb=round(max(peak.rss, largest) / MIB, 1),
            peak_pss_mb=round(peak.pss / MIB, 1),
        )
