"""The accuracy that the defaults reach on a folder of photos, over seeds.

    python -m benchmarks.accuracy PATH --arch resnet34 --weights FILE --mode fit --seeds 0 1 2

Without PATH it takes the embedded photos and the weights of the extra ``demo``, small.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from learnkit import ImageDataBunch, accuracy, cnn_learner, models

PHOTOS = Path(__file__).parents[1] / "examples" / "data" / "traffic_lights"


def run(args: argparse.Namespace, seed: int) -> float:
    """Train once with nothing tuned; print what came out and return the last accuracy."""
    data = ImageDataBunch.from_folder(args.path, size=args.size, seed=seed)
    backbone = getattr(models, args.arch)
    learn = cnn_learner(data, backbone, weights=args.weights, metrics=accuracy)
    began = time.perf_counter()
    train = learn.fit if args.mode == "fit" else learn.fine_tune
    history = train(args.epochs, progress=False)
    seconds = round(time.perf_counter() - began, 1)
    reached = [round(value, 4) for value in history.column("accuracy")]
    print(json.dumps({"seed": seed, "accuracy": reached, "seconds": seconds}), flush=True)
    return history[-1]["accuracy"]


def main() -> None:
    """Train for each seed; print the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", default=PHOTOS)
    parser.add_argument("--arch", default="efficientnet_lite0")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--mode", choices=("fit", "fine_tune"), default="fit")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    print("mean:", round(statistics.mean(run(args, seed) for seed in args.seeds), 4))


if __name__ == "__main__":
    main()
