"""What ten callbacks cost a step when each overrides one hook: fits with and without, in turns.

    python -m benchmarks.callback_overhead

The hooks do nothing, so what is measured is the way to them.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence

import torch
from torch import nn

from learnkit import Learner
from learnkit.callback import HOOKS, Callback
from learnkit.data.bunch import DataBunch
from learnkit.state import State

STEP_HOOKS = HOOKS[3:9]


def one_hook(number: int) -> Callback:
    """Return a callback that overrides one hook, by a class of its own."""

    def hook(self: Callback, state: State) -> None:
        pass

    name = STEP_HOOKS[number % len(STEP_HOOKS)]
    return type(f"One{number}", (Callback,), {name: hook})()


def seconds_a_step(data: DataBunch, callbacks: Sequence[Callback]) -> float:
    """Train one epoch of a tiny net."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
    learn = Learner(data, model, precision="fp32", device="cpu")
    learn.fit(1, progress=False)  # what is imported and made once
    began = time.perf_counter()
    learn.fit(1, callbacks=callbacks, progress=False)
    return (time.perf_counter() - began) / len(data.train_dl)


def main() -> None:
    """Print medians, in microseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--batches", type=int, default=2000)
    args = parser.parse_args()
    x = torch.randn(args.batches * 16, 16)
    data = DataBunch.from_arrays(
        x, (x.sum(1) > 0).long(), valid=(x[:16], x[:16, 0].gt(0).long()), batch_size=16
    )
    ten = [one_hook(number) for number in range(10)]
    pairs = [(seconds_a_step(data, ()), seconds_a_step(data, ten)) for _ in range(args.pairs)]
    report = {
        "without_us": round(1e6 * statistics.median(without for without, _ in pairs), 2),
        "with_ten_us": round(1e6 * statistics.median(with_ten for _, with_ten in pairs), 2),
        "overhead_us": round(1e6 * statistics.median(b - a for a, b in pairs), 2),
        "overhead_us_of_each_pair": [round(1e6 * (b - a), 2) for a, b in pairs],
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
