"""Recipes beside their absence, over seeds: the tables of docs/recipes.md.

python -m benchmarks.recipes digits            # scikit-learn's 8x8 digits, a minute
python -m benchmarks.recipes xor
python -m benchmarks.recipes photos PATH --weights resnet18.pth
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from learnkit import ImageDataBunch, Learner, accuracy, cnn_learner, models
from learnkit.callbacks import EMA, MixUp
from learnkit.data.bunch import DataBunch
from learnkit.schedule import constant

Recipe = Callable[[int, int], tuple[float, float]]  # (seed, epochs) to (accuracy, loss)


def digits_data(seed: int) -> DataBunch:
    """Return the 1,797 digits of 8x8 pixels in [0, 1]; 360 of them (20 %) are the test set."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    # one test set for all seeds, so that recipes are compared on the same digits
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
    return DataBunch.from_arrays(x, y, valid=(x_test, y_test), batch_size=32, seed=seed)


def digits_model(seed: int) -> nn.Module:
    """Return a small convolutional net with its first weights from ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            *_conv(1, 32),
            *_conv(32, 64),
            nn.MaxPool2d(2),
            *_conv(64, 128),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(128, 10),
        )


def _conv(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


def digits(fit: Callable[[Learner, int], Any]) -> Recipe:
    """Return a recipe for the digits."""

    def run(seed: int, epochs: int) -> tuple[float, float]:
        learn = Learner(digits_data(seed), digits_model(seed), metrics=accuracy, seed=seed)
        fit(learn, epochs)
        found = learn.validate()
        return found["accuracy"], found["valid_loss"]

    return run


def photos(path: str, weights: str, fit: Callable[[Learner, int], Any]) -> Recipe:
    """Return a recipe for a folder of photos: a resnet18 whose body trains too."""

    def run(seed: int, epochs: int) -> tuple[float, float]:
        data = ImageDataBunch.from_folder(path, size=128, batch_size=32, seed=seed)
        learn = cnn_learner(data, models.resnet18, weights=weights, metrics=accuracy, seed=seed)
        fit(learn.unfreeze(), epochs)
        found = learn.validate()
        return found["accuracy"], found["valid_loss"]

    return run


def fits(lr: Any) -> dict[str, Callable[[Learner, int], Any]]:
    """Return each recipe, and what it is compared to."""
    quiet: dict[str, Any] = {"progress": False}
    return {
        "constant rate": lambda learn, n: learn.fit(n, lr, schedule=constant(), **quiet),
        "one cycle": lambda learn, n: learn.fit_one_cycle(n, lr, **quiet),
        "one cycle, MixUp": lambda learn, n: learn.fit_one_cycle(
            n, lr, callbacks=MixUp(0.4), **quiet
        ),
        "constant rate, EMA": lambda learn, n: learn.fit(
            n, lr, schedule=constant(), callbacks=EMA(0.98), **quiet
        ),
        "one cycle, EMA": lambda learn, n: learn.fit_one_cycle(n, lr, callbacks=EMA(0.98), **quiet),
    }


def xor(hidden: int) -> Recipe:
    """Return a recipe for the four points of XOR: an MLP with ``hidden`` units, or a linear net."""

    def run(seed: int, epochs: int) -> tuple[float, float]:
        x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        y = torch.tensor([0, 1, 1, 0])
        data = DataBunch.from_arrays(x, y, valid=(x, y), batch_size=4, seed=seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            hidden_layer = [nn.Linear(2, hidden), nn.Tanh()] if hidden else []
            model = nn.Sequential(*hidden_layer, nn.Linear(hidden or 2, 2))
        learn = Learner(data, model, metrics=accuracy, seed=seed)
        learn.fit(epochs, 0.1, weight_decay=0.0, progress=False)
        found = learn.validate()
        return found["accuracy"], found["valid_loss"]

    return run


def table(recipes: dict[str, Recipe], seeds: Sequence[int], epochs: int) -> None:
    """Run every recipe with every seed, in turns, and print a row for each."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in recipes}
    seconds = dict.fromkeys(recipes, 0.0)
    for seed in seeds:
        for name, recipe in recipes.items():
            began = time.process_time()
            found[name].append(recipe(seed, epochs))
            seconds[name] += (time.process_time() - began) / len(seeds)
            print(json.dumps({"recipe": name, "seed": seed, "found": found[name][-1]}), flush=True)
    print(f"\n| recipe, {epochs} epochs | accuracy | std | loss | std | CPU s |")
    print("|---|---|---|---|---|---|")
    for name, values in found.items():
        cells = [f"{part:.4f}" for column in zip(*values, strict=True) for part in _spread(column)]
        print(f"| {name} | {' | '.join(cells)} | {seconds[name]:.1f} |")


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def main() -> None:
    """Run one set of recipes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("digits", "xor", "photos"))
    parser.add_argument("path", nargs="?")
    parser.add_argument("--weights")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    args = parser.parse_args()
    if args.what == "xor":
        table({"no hidden layer": xor(0), "8 hidden units": xor(8)}, args.seeds, 200)
    elif args.what == "digits":
        table({name: digits(fit) for name, fit in fits(1e-2).items()}, args.seeds, args.epochs)
    else:
        rates = slice(1e-5, 1e-3)
        recipes = {n: photos(args.path, args.weights, f) for n, f in fits(rates).items()}
        table(recipes, args.seeds, args.epochs)


if __name__ == "__main__":
    main()
