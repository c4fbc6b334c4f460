"""A process that runs one case after the other, within bounds, and says how each ended.

Its parent writes the number of a case to its standard input and reads a line of JSON from its
standard output. When a case ends the process, the parent sees by which signal.
"""

import faulthandler
import json
import random
import re
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, Protocol

SECONDS: float = 10.0  # of processor time for one case
KINDS = 90  # letters of a message that tell its kind


class Target(Protocol):
    """Something to be fuzzed.

    Attributes:
        documented: the errors that it may raise.
        headroom: bytes of memory that it may take above what it had before the first case.
    """

    documented: tuple[type[Exception], ...]
    headroom: int

    def make(self, rng: random.Random) -> dict[str, bytes]:
        """Return the files of one case."""

    def run(self, case: dict[str, bytes]) -> None:
        """Use them."""


def serve(target: Target, name: str, seed: int) -> None:
    """Run the cases whose numbers come by standard input, until it ends."""
    warnings.simplefilter("ignore")
    faulthandler.enable()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process
    say({"case": -1, "outcome": "ready", "memory": limit_memory(target.headroom)})
    for line in sys.stdin:
        number = int(line)
        case = make(target, name, seed, number)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        outcome, why = outcome_of(target, case)
        signal.setitimer(signal.ITIMER_PROF, 0)
        say({"case": number, "outcome": outcome, "why": why})


def make(target: Target, name: str, seed: int, number: int) -> dict[str, bytes]:
    """Return the files of one case, which depend on the seed and its number alone."""
    return target.make(random.Random(f"{name} {seed} {number}"))


def outcome_of(target: Target, case: dict[str, bytes]) -> tuple[str, str]:
    """Return whether a case was taken, refused or is a failure, and what was raised."""
    try:
        target.run(case)
    except target.documented as error:
        if isinstance(error.__cause__, MemoryError):
            return "failed", f"out of memory: {error}"
        return "refused", kind_of(str(error))
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"[:500]
    return "taken", ""


def kind_of(message: str) -> str:
    """Return what messages of one kind have in common: no paths, names or numbers."""
    message = re.sub(r"/\S+/", "", message)
    message = re.sub(r"'[^']*'|\"[^\"]*\"|found .*", "'...'", message)
    return re.sub(r"\d[\d,.]*", "0", message)[:KINDS]


def limit_memory(headroom: int) -> int:
    """Let this process take no more than ``headroom`` bytes besides what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + headroom
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return limit


def say(words: dict[str, Any]) -> None:
    """Write one line to the parent."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()
