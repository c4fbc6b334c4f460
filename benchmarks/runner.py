"""Run contenders in turns, each in a fresh process, and collect what they report."""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.machine import PEERS, describe, is_installed
from benchmarks.process import Finished, run
from benchmarks.settings import Settings
from benchmarks.summary import OURS, summarise, table
from benchmarks.workloads import WORKLOADS, Workload

PHOTOS = Path(__file__).parents[1] / "examples" / "data" / "traffic_lights"
SEEDS = 3  # they take turns over the pairs
QUICK_SIZE = "64"
QUICK_PHOTOS = {"train": 6, "valid": 3}  # of each of the first classes
QUICK_CLASSES = 2


def choose(workload: Workload, peers: list[str] | None) -> tuple[list[str], list[str]]:
    """Return who takes part, and a line for each who is wanted but not installed."""
    wanted = [c for c in workload.contenders if peers is None or c in (OURS, *peers)]
    missing = [c for c in wanted if not is_installed(c)]
    lines = [f"{c}: skipped, not installed: pip install learnkit[bench]" for c in missing]
    return [c for c in wanted if c not in missing], lines


def run_all(args: argparse.Namespace) -> int:
    """Measure what was asked for, print the table, write the JSON; 1 when something failed."""
    with tempfile.TemporaryDirectory(prefix="learnkit-bench-") as home:
        settings = _settings(args, Path(home))
        skipped = _announce(args)
        records: list[dict[str, Any]] = []
        failures: list[str] = []
        for name in args.only:
            for outcome in _measure(name, settings, args):
                (failures if isinstance(outcome, str) else records).append(outcome)
    rows = summarise(records)
    print(f"\n{table(rows)}\n" if rows else "\nNothing was measured.\n")
    for line in (*skipped, *failures):
        print(line)
    what = _told(args, settings) | {"skipped": skipped, "failures": failures}
    result = what | {"rows": rows, "records": records}
    Path(args.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {args.out}")
    return 1 if failures else 0


def _told(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """Return what the figures depend on; of photos and weights the names without their folders."""
    sizes = ("batch_size", "epochs", "samples", "files", "index_files", "workers")
    return {
        "machine": describe(args.threads),
        "run": {"pairs": args.pairs, "quick": args.quick, "only": args.only},
        "settings": {name: getattr(settings, name) for name in sizes},
        "data": Path(args.data).name,
        "weights": Path(args.weights).name or "random",
    }


def _announce(args: argparse.Namespace) -> list[str]:
    """Print who is left out, once for all workloads; return the lines."""
    lines = dict.fromkeys(line for n in args.only for line in choose(WORKLOADS[n], args.peers)[1])
    for line in lines:
        print(line, flush=True)
    return list(lines)


def _settings(args: argparse.Namespace, home: Path) -> Settings:
    weights = str(Path(args.weights).absolute()) if args.weights else ""
    data = Path(args.data).absolute()
    if not args.quick:
        return Settings(home=str(home), data=str(data), weights=weights)
    return Settings(
        home=str(home),
        data=str(_few_photos(data, home / "photos")),
        weights=weights,
        batch_size=4,
        epochs=1,
        samples=512,
        files=8,
        index_files=200,
    )


def _few_photos(data: Path, to: Path) -> Path:
    """Copy some photos of some classes, for a smoke run."""
    classes = sorted(folder.name for folder in (data / "train").iterdir() if folder.is_dir())
    for side, count in QUICK_PHOTOS.items():
        for name in classes[:QUICK_CLASSES]:
            (to / side / name).mkdir(parents=True)
            for photo in sorted((data / side / name).iterdir())[:count]:
                shutil.copy(photo, to / side / name)
    return to


def _measure(name: str, settings: Settings, args: argparse.Namespace) -> Iterator[Any]:
    """Yield a record for each case of each run of a workload, or a line for what failed."""
    workload = WORKLOADS[name]
    contenders, _ = choose(workload, args.peers)
    variants = dict.fromkeys(_quick(v) if args.quick else v for v in workload.variants)
    if workload.prepares:
        done = _start(name, "prepare", replace(settings, variant=next(iter(variants))), args)
        if done.code:
            yield _failure(f"{name}, prepare", done)
            return
    for variant in variants:
        for pair in range(args.pairs):
            its = replace(settings, variant=variant, seed=pair % SEEDS)
            for contender in contenders:
                place = {"workload": name, "contender": contender, "pair": pair}
                yield from _records(place, _start(name, contender, its, args))


def _quick(variant: str) -> str:
    return QUICK_SIZE if variant.isdigit() else variant


def _start(name: str, contender: str, settings: Settings, args: argparse.Namespace) -> Finished:
    """Run a worker with caches of its own, so that a first epoch is a first one."""
    command = [sys.executable, "-m", "benchmarks", "worker", name, contender, *settings.flags()]
    with tempfile.TemporaryDirectory(prefix="learnkit-home-") as cache:
        env = os.environ | {
            "LEARNKIT_HOME": cache,
            "TORCH_HOME": str(Path(settings.home) / "torch"),
            "FASTAI_HOME": str(Path(settings.home) / "fastai"),
            "CUDA_VISIBLE_DEVICES": "",  # the plain contenders compute on the CPU; see gpu.py
            "PYTHONWARNINGS": "ignore",
            "MPLBACKEND": "Agg",
        }
        if args.threads:
            env |= {"OMP_NUM_THREADS": str(args.threads), "MKL_NUM_THREADS": str(args.threads)}
        return run(command, env=env)


def _records(place: dict[str, Any], done: Finished) -> Iterator[Any]:
    where = f"{place['workload']}, {place['contender']}, pair {place['pair']}"
    if done.code:
        yield _failure(where, done)
        return
    for line in done.out.splitlines():
        if line.startswith("{"):
            case = json.loads(line)
            case["case"] = case.pop("name")
            print(f"{where}: {case['case']}: {case['wall']:.3f} s", flush=True)
            yield place | done.memory() | case


def _failure(where: str, done: Finished) -> str:
    last = "\n  ".join(done.err.strip().splitlines()[-12:])
    line = f"{where}: failed with code {done.code}\n  {last}"
    print(line, flush=True)
    return line


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _workloads(text: str) -> list[str]:
    names = _names(text)
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no workload {', '.join(unknown)}; there are {', '.join(WORKLOADS)}"
        )
    return names


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1: found {text!r}")
    return int(text)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the flags that `run_all` reads."""
    others = ", ".join(("plain", *PEERS))
    parser.add_argument("--only", type=_workloads, default=list(WORKLOADS), help="names, by commas")
    parser.add_argument("--pairs", type=_count, help="runs of each contender; 5, or 1 with --quick")
    parser.add_argument("--peers", type=_names, help=f"beside learnkit: {others}; all by default")
    parser.add_argument("--data", default=str(PHOTOS), help="a folder with train/ and valid/")
    parser.add_argument("--weights", default="", help="resnet34's weights; random ones without")
    parser.add_argument("--threads", type=_count, help="torch's; its own choice by default")
    parser.add_argument("--out", default="results.json", help="where the JSON goes")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
