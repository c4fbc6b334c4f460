"""Kill a real training process at random instants, and compare what it ends with, bit by bit.

    python -m benchmarks.faults

Exits with 1 unless every fit that was killed, interrupted or robbed of its disk ends as the one
that was left alone, and no changed checkpoint is loaded. See README.md.
"""

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe

PHOTOS: Final = Path(__file__).parents[1] / "examples" / "data" / "traffic_lights"
PARTS: Final = ("kills", "signals", "disk", "damage")
ONE_THREAD: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

# what share of the shots each recipe gets
SHARES: Final = {
    "photos": 0.4,
    "frozen": 0.2,
    "sgd": 0.1,
    "bf16": 0.1,
    "lbfgs": 0.1,
    "processes": 0.05,
    "resnet18": 0.05,
}

Found = dict[str, Any]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    whole.add_argument("--only", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    whole.add_argument("--kills", type=int, default=200, help="with SIGKILL")
    whole.add_argument("--signals", type=int, default=50, help="SIGINT and SIGTERM")
    whole.add_argument("--resumed", type=int, default=50, help="fits after a damage")
    whole.add_argument("--recipes", default=",".join(SHARES), help="fits, see faults_recipes.py")
    whole.add_argument("--data", type=Path, default=PHOTOS, help="photos with train and valid")
    whole.add_argument("--forked", action="store_true", help="no process begins from nothing")
    whole.add_argument("--seed", type=int, default=0)
    whole.add_argument("--out", type=Path, default=Path("faults.json"))
    whole.add_argument("--work", type=Path, help="a folder that stays, with what failed")
    return whole


def shots(args: argparse.Namespace, work: Path, part: str) -> list[Found]:
    """Shoot at each recipe as often as its share says."""
    import signal

    from benchmarks.faults_lives import Lives
    from benchmarks.faults_recipes import Job

    killing = part == "kills"
    numbers = (signal.SIGKILL,) if killing else (signal.SIGINT, signal.SIGTERM)
    found = []
    for recipe, share in shared(args.kills if killing else args.signals, args.recipes.split(",")):
        began = time.perf_counter()
        job = Job(recipe=recipe, data=str(args.data.resolve()), work=str(work / part / recipe))
        rng = random.Random(f"{args.seed} {part} {recipe}")
        tally = Lives(job, rng, signals=numbers, fresh=not args.forked).shoot(share)
        seconds = round(time.perf_counter() - began, 1)
        found.append({**tally.plain(), "seconds": seconds})
        print(
            f"{part} {recipe}: {tally.identical} of {tally.shots} identical, {seconds} s",
            flush=True,
        )
    return found


def shared(total: int, recipes: Sequence[str]) -> list[tuple[str, int]]:
    """Divide a number of shots among recipes; each that gets any is named.

    Example:
        >>> shared(10, ["photos", "frozen"])
        [('photos', 7), ('frozen', 3)]
    """
    weights = [SHARES.get(recipe, 0.1) for recipe in recipes]
    ends = [round(total * sum(weights[:i]) / sum(weights)) for i in range(len(weights) + 1)]
    counts = [after - before for before, after in itertools.pairwise(ends)]
    return [(recipe, n) for recipe, n in zip(recipes, counts, strict=True) if n]


def disk(args: argparse.Namespace, work: Path, part: str) -> list[Found]:
    """Fill the disk at every point of a save, and for real."""
    from benchmarks.faults_disk import Disk
    from benchmarks.faults_recipes import Job

    found = []
    for recipe in args.recipes.split(",")[:1]:
        job = Job(recipe=recipe, data=str(args.data.resolve()), work=str(work / part / recipe))
        full = Disk(job)
        full.fill()
        tally = full.small()
        found.append({"recipe": recipe, **tally.plain()})
        print(f"{part} {recipe}: {found[-1]}", flush=True)
    return found


def damage(args: argparse.Namespace, work: Path, part: str) -> list[Found]:
    """Change a small checkpoint in every way."""
    from benchmarks.faults_damage import damage_all

    rng = random.Random(f"{args.seed} {part}")
    tally = damage_all(work / part, rng, resumed=args.resumed)
    print(f"{part}: {tally.plain()}", flush=True)
    return [tally.plain()]


_RUN: Final[dict[str, Callable[[argparse.Namespace, Path, str], list[Found]]]] = {
    "kills": shots,
    "signals": shots,
    "disk": disk,
    "damage": damage,
}


def lines(found: dict[str, list[Found]]) -> list[str]:
    """Return the report."""
    said = []
    for part in ("kills", "signals"):
        rows = found.get(part, [])
        if rows:
            total, same = (sum(row[key] for row in rows) for key in ("shots", "identical"))
            lives, fresh = (sum(row[key] for row in rows) for key in ("lives", "fresh"))
            said += [f"{part}: {same} of {total} ended bit-identical; {lives} fits, {fresh} fresh"]
            said += _places(rows)
    for row in found.get("disk", []):
        said.append(f"disk: full {row['faults']} times, at {row['points']} points of a save:")
        names = ("went_on", "refused", "stopped", "resumed")
        said += [f"  {row[name]:>4} {name.replace('_', ' ')}" for name in names]
        said += [f"  skipped: {row['skipped']}"] if row["skipped"] else []
    for row in found.get("damage", []):
        total = sum(row["changes"].values())
        said.append(f"damage: {row['noticed']} of {total} noticed in {row['size']} bytes")
        said += [f"  {n:>6} {kind}" for kind, n in row["changes"].items()]
        said.append(f"  {row['resumed']} fits went on from the checkpoint before to the same bits")
    failures = [text for rows in found.values() for row in rows for text in row["failures"]]
    return [*said, *(f"FAILED {text}" for text in failures)]


def _places(rows: Sequence[Found]) -> list[str]:
    """Return how many shots hit which place; the points of a save by kind of call."""
    counts: Counter[str] = Counter()
    for row in rows:
        for place, n in row["places"].items():
            kind, _, point = place.partition(": ")
            counts[f"in a save, at {point.split()[0]}" if kind == "save" else place] += n
    return [f"  {n:>4} {place}" for place, n in counts.most_common()]


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; return 1 if anything differed."""
    args = parser().parse_args(argv)
    for name in ONE_THREAD:  # before torch is imported: what is forked must have no threads yet
        os.environ[name] = "1"
    began, found = time.perf_counter(), {}
    with tempfile.TemporaryDirectory(prefix="learnkit-faults-") as temporary:
        work = args.work or Path(temporary)
        for part in args.only.split(","):
            found[part] = _RUN[part](args, work, part)
    seconds = round(time.perf_counter() - began, 1)
    said = lines(found)
    args.out.write_text(
        json.dumps(
            {"seconds": seconds, "seed": args.seed, **found, "machine": describe(1)}, indent=1
        )
    )
    print("\n".join([*said, f"{seconds} s; written to {args.out}"]))
    wrong = any(line.startswith("FAILED") for line in said)
    missed = any(
        row["identical"] < row["shots"]
        for part in ("kills", "signals")
        for row in found.get(part, [])
    )
    return int(wrong or missed)


if __name__ == "__main__":
    sys.exit(main())
