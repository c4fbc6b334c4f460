"""What the loop costs a batch: learnkit beside the same bare loop, in turns in one process.

    python -m benchmarks.step_overhead

The workload ``step`` of ``python -m benchmarks run`` in a minute, without the peers.
"""

import argparse
import json
import statistics

import torch

from benchmarks.settings import Settings
from benchmarks.workloads.step import with_learnkit, with_plain


def measure(pairs: int, samples: int) -> dict[str, object]:
    """Return medians over interleaved pairs, after one that does not count."""
    settings = Settings(home="", data="", samples=samples)
    timed = [(with_plain(settings)[0], with_learnkit(settings)[0]) for _ in range(pairs + 1)][1:]
    each = [(a.details["us_per_batch"], b.details["us_per_batch"]) for a, b in timed]
    return {
        "bare_us_per_batch": round(statistics.median(bare for bare, _ in each), 1),
        "learnkit_us_per_batch": round(statistics.median(ours for _, ours in each), 1),
        "overhead_us": round(statistics.median(ours - bare for bare, ours in each), 1),
        "ratio": round(statistics.median(ours / bare for bare, ours in each), 3),
        "accuracy": {"bare": timed[-1][0].accuracy, "learnkit": timed[-1][1].accuracy},
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--samples", type=int, default=32_768)
    args = parser.parse_args()
    print(json.dumps(measure(args.pairs, args.samples), indent=1))


if __name__ == "__main__":
    main()
