"""One measurement in a process of its own: prints a line of JSON for each case."""

import importlib
import json
import sys
from dataclasses import asdict

from benchmarks.settings import Settings


def work(workload: str, contender: str, settings: Settings) -> None:
    """Measure one contender at one workload; ``prepare`` as contender only prepares."""
    module = importlib.import_module(f"benchmarks.workloads.{workload}")
    if contender == "prepare":
        module.prepare(settings)
        return
    cases = getattr(module, f"with_{contender.replace('-', '_')}")(settings)
    for case in cases:
        known = {name: value for name, value in asdict(case).items() if value is not None}
        sys.stdout.write(json.dumps(known) + "\n")
    sys.stdout.flush()
