"""Drive workers through cases, start new ones when they die, and count how cases ended."""

import json
import select
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

WAIT = 60.0  # seconds for one case, also of a process that does nothing
START = 300.0
LIVES = 20_000  # cases of one process: what it leaks does not count as a case's


@dataclass
class Tally:
    """How cases ended.

    Attributes:
        taken: cases that went through.
        refused: how often each kind of message was given.
        failures: number of a case, and what happened.
    """

    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """How many there were."""
        return self.taken + self.refused.total() + len(self.failures)


class Worker:
    """A process that is told numbers of cases."""

    def __init__(self, command: Sequence[str], errors: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        self.ran = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """Return what it says next, or None when it dies or says nothing for so long."""
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], seconds)[0]:
            return None
        line = out.readline()
        return json.loads(line) if line else None

    def ask(self, number: int, wait: float) -> dict[str, Any] | None:
        """Let it run one case; None when that ends it, or takes too long."""
        self.ran += 1
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"%d\n" % number)
            self._process.stdin.flush()
        return self.hear(wait)

    def end(self) -> str:
        """Say how it came to its end; one that still runs is ended."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return f"it hung: nothing for {WAIT:g} s"
        if code == -signal.SIGPROF:
            return "it hung: 10 s of processor time"
        return f"the process died of {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


def hunt(
    command: Sequence[str],
    numbers: Iterable[int],
    *,
    seconds: float,
    errors: Path,
    fail: Callable[[int, str], None],
    wait: float = WAIT,
) -> Tally:
    """Run cases until there are no more or the time is over.

    Args:
        command: starts a worker.
        numbers: of the cases, in their order.
        seconds: after which no case is begun.
        errors: a file for what workers write to standard error.
        fail: is told the number of a failed case and what happened.
        wait: seconds for one case.
    """
    tally, left, end = Tally(), iter(numbers), time.monotonic() + seconds
    number = next(left, None)
    with errors.open("ab") as stderr:
        while number is not None and time.monotonic() < end:
            with Worker(command, stderr) as worker:
                if worker.hear(START) is None:
                    raise RuntimeError(f"the worker did not start; see {errors}")
                while number is not None and time.monotonic() < end and worker.ran < LIVES:
                    said = worker.ask(number, wait)
                    why = worker.end() if said is None else said["why"]
                    _count(tally, number, "failed" if said is None else said["outcome"], why)
                    if number in tally.failures:
                        fail(number, why)
                    number = next(left, None)
                    if said is None:
                        break
    return tally


def _count(tally: Tally, number: int, outcome: str, why: str) -> None:
    if outcome == "taken":
        tally.taken += 1
    elif outcome == "refused":
        tally.refused[why] += 1
    else:
        tally.failures[number] = why
