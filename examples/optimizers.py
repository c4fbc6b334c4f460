"""Optimizers side by side on a convex loss, whose least value is known.

Linear regression on scikit-learn's diabetes table: the loss is a bowl, 470 times as steep
across as along, and `models.least_squares` knows its bottom. Each curve is the loss above it.

    python examples/optimizers.py --out optimizers.png           # 30 epochs
    python examples/optimizers.py --full --out optimizers.png    # 300 epochs

With ``--full`` (seed 42, 14 s on one core) the loss above its least value after 30 and 300 epochs:
GD 5e-3 and 7e-4, SGD in minibatches of 16 4e-3 and 9e-4, momentum 1e-2 and 1e-7, RMSProp 8e-3 and
6e-3, Adam 1e-2 and 4e-4; L-BFGS (one step an epoch) 5e-5 and 1e-7; Newton is at the bottom, to what
float32 resolves (1e-7), after its second step.
"""

import argparse
from functools import partial
from pathlib import Path

from torch.optim import LBFGS, SGD, Adam, RMSprop

from learnkit import DataBunch, Learner, models
from learnkit.optim import Newton
from learnkit.schedule import constant

try:
    from sklearn.datasets import load_diabetes
except ModuleNotFoundError as error:
    raise SystemExit("This example needs scikit-learn: pip install scikit-learn") from error

N = 442
OPTIMIZERS = {  # optimizer, rate, batch size
    "GD": (SGD, 0.2, N),
    "SGD": (SGD, 0.02, 16),
    "momentum": (partial(SGD, momentum=0.9), 0.1, N),
    "RMSProp": (RMSprop, 0.01, N),
    "Adam": (Adam, 0.03, N),
    "L-BFGS": (partial(LBFGS, max_iter=1, history_size=10), 0.3, N),
    "Newton": (Newton, 1.0, N),
}


def standardised(values):
    return (values - values.mean(0)) / values.std(0)


def main(out=None, full=False):
    """Return the loss above its least value by optimizer, after each epoch."""
    if out is not None:
        Path(out).absolute().parent.mkdir(parents=True, exist_ok=True)  # before it takes time
    table = load_diabetes()
    x, y = standardised(table.data), standardised(table.target)[:, None]
    curves = {}
    print("loss above its least value, after so many epochs")
    for name, (opt_func, lr, batch_size) in OPTIMIZERS.items():
        data = DataBunch.from_arrays(x, y, valid=(x, y), batch_size=batch_size)
        least = Learner(data, models.least_squares(data), device="cpu").validate()["valid_loss"]
        learn = Learner(data, models.linear(10, 1), opt_func=opt_func, device="cpu")
        options = {"schedule": constant(), "weight_decay": 0, "progress": False}
        history = learn.fit(300 if full else 30, lr, **options)
        curves[name] = [max(row["valid_loss"] - least, 1e-7) for row in history]  # float32
        shown = "  ".join(f"{epoch}: {curves[name][epoch - 1]:.0e}" for epoch in (1, 10, 30))
        print(f"{name:<9} {shown}  {len(history)}: {curves[name][-1]:.0e}")
    if out is not None:
        draw(curves, out)
    return curves


def draw(curves, path):
    """Draw all curves on one plot."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 5), layout="tight")
    for name, curve in curves.items():
        axis.semilogy(range(1, len(curve) + 1), curve, label=name)
    axis.set(xlabel="epoch", ylabel="loss above its least value", xscale="log")
    axis.legend(bbox_to_anchor=(1, 1))
    figure.savefig(path)
    plt.close(figure)
    print(f"wrote {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", help="a file for the plot")
    parser.add_argument("--full", action="store_true", help="300 epochs, 14 s")
    main(**vars(parser.parse_args()))
