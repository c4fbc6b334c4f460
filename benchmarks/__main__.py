"""``python -m benchmarks run`` measures; ``worker`` is what it starts for each measurement."""

import argparse
import sys

from benchmarks.runner import add_flags, run_all
from benchmarks.settings import Settings
from benchmarks.worker import work
from benchmarks.workloads import WORKLOADS


def parser() -> argparse.ArgumentParser:
    """Return the parser of both commands."""
    whole = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True)
    add_flags(commands.add_parser("run", help="measure, print a table, write JSON"))
    one = commands.add_parser("worker", help="one measurement, as JSON")
    one.add_argument("workload", choices=WORKLOADS)
    one.add_argument("contender")
    Settings.add_flags(one)
    return whole


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says."""
    args = parser().parse_args(argv)
    if args.command == "worker":
        work(args.workload, args.contender, Settings.of_flags(args))
        return 0
    args.pairs = args.pairs or (1 if args.quick else 5)
    return run_all(args)


if __name__ == "__main__":
    sys.exit(main())
