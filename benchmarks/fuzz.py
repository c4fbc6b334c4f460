"""``python -m benchmarks.fuzz`` looks for files that do more to learnkit than it says.

Exports for ``load_learner`` and images for the decoder and the loader are changed at random, and
used in processes whose memory and time are limited. A failure is a process that dies, 10 s of
processor time, too much memory, or an exception that is not the documented one. Needs Linux.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from benchmarks.fuzzing.hunt import Tally, hunt
from benchmarks.fuzzing.worker import Target, make, outcome_of, serve

TARGETS = ("exports", "images")


def main(argv: list[str] | None = None) -> int:
    """Fuzz as the command line says; 1 if anything failed."""
    args = parser().parse_args(argv)
    names = TARGETS if args.target == "all" else (args.target,)
    if args.worker:
        work(names[0], args.seed)
        return 0
    failed = 0
    for name in names:
        print(f"{name}: seed {args.seed}")
        tally = fuzz(name, args, 60 * args.minutes / len(names))
        report(name, tally)
        failed += len(tally.failures)
    return int(failed > 0)


def fuzz(name: str, args: argparse.Namespace, seconds: float) -> Tally:
    """Run the cases of one target that the command line asks for."""
    numbers: Iterable[int] = count() if args.cases is None else range(args.cases)
    if args.case is not None:
        numbers, seconds = [args.case], 600.0
    elif args.cases is not None:
        seconds = float("inf")
    command = [sys.executable, "-m", "benchmarks.fuzz", "--worker", "--target", name]
    command += ["--seed", str(args.seed)]
    args.out.mkdir(parents=True, exist_ok=True)

    def fail(number: int, why: str) -> None:
        place = save(name, args.seed, number, args.out)
        print(f"  case {number} FAILED: {why}\n    its files are in {place}; again by")
        print(f"    python -m benchmarks.fuzz --target {name} --seed {args.seed} --case {number}")

    return hunt(command, numbers, seconds=seconds, errors=args.out / f"{name}.log", fail=fail)


def report(name: str, tally: Tally) -> None:
    """Print how the cases ended."""
    print(
        f"{name}: {tally.cases} cases: {tally.taken} taken, {tally.refused.total()} refused in "
        f"{len(tally.refused)} ways, {len(tally.failures)} failed"
    )
    for why, times in tally.refused.most_common(5):
        print(f"  {times} times: {why}")


def work(name: str, seed: int) -> None:
    """Be the process that runs the cases of one target."""
    with tempfile.TemporaryDirectory() as place:
        target = target_of(name, Path(place))
        for number in range(20):  # what is imported at first use is no case's memory
            outcome_of(target, make(target, name, -1, number))
        serve(target, name, seed)


def target_of(name: str, place: Path) -> Target:
    """Return a target by its name; imports learnkit."""
    if name == "exports":
        from benchmarks.fuzzing.exports import Exports

        return Exports(place)
    from benchmarks.fuzzing.images import Images

    return Images(place)


def save(name: str, seed: int, number: int, out: Path) -> Path:
    """Write the files of a case."""
    folder = out / f"{name}-{seed}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        for file, content in make(target_of(name, Path(place)), name, seed, number).items():
            (folder / file).write_bytes(content)
    return folder


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    found = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    add = found.add_argument
    add("--minutes", type=float, default=10.0, help="for all targets together")
    add("--cases", type=int, help="so many of each target, however long they take")
    add("--seed", type=int, default=0, help="of the cases; with it and its number a case is made")
    add("--target", choices=(*TARGETS, "all"), default="all")
    add("--case", type=int, help="one case again, by its number")
    place = Path(tempfile.gettempdir()) / "learnkit-fuzz"
    add("--out", type=Path, default=place, help=f"where failed cases are saved; {place} by itself")
    add("--worker", action="store_true", help=argparse.SUPPRESS)
    return found


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
