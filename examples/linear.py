"""Linear regression by the normal equations and by descent; logistic regression by descent.

The least squares of a linear model are known in closed form, so a fit can be held against them: on
scikit-learn's diabetes table (442 patients, 10 columns) the weights must come out the same. So must
those of logistic regression on its breast cancer table, beside scikit-learn's own.

    python examples/linear.py            # seconds
    python examples/linear.py --full     # descent without momentum and in minibatches as well

With ``--full`` and seed 42 the largest difference of a weight from the exact one (columns and
target standardised) is 2e-7 by gradient descent with momentum (300 steps), 6e-6 by L-BFGS (5),
3e-6 by plain gradient descent (6,000) and 6e-3 in minibatches of 16 (600 epochs), whose noise
stays. Logistic regression by Newton's method (12 steps) differs by 2e-6 from scikit-learn's; both
are right on 99.1 % of the 114 patients held out. 17 s on one core for all.
"""

import argparse
from functools import partial

import torch
from torch.optim import LBFGS, SGD

from learnkit import DataBunch, Learner, models
from learnkit.callbacks import L2Penalty
from learnkit.optim import Newton
from learnkit.schedule import constant, cosine

try:
    from sklearn import datasets
    from sklearn.linear_model import LogisticRegression
except ModuleNotFoundError as error:
    raise SystemExit("This example needs scikit-learn: pip install scikit-learn") from error

# optimizer, epochs, rate, schedule, and batch size: 354 is all there is to train on
DESCENTS = {
    "momentum": (partial(SGD, momentum=0.9), 300, 0.2, constant(), 354),
    "L-BFGS": (LBFGS, 5, 1.0, constant(), 354),
    "plain": (SGD, 6000, 0.2, constant(), 354),
    "minibatch": (SGD, 600, 0.05, cosine(), 16),
}


def standardised(values):
    return (values - values.mean(0)) / values.std(0)


def regression(names):
    """Return the largest difference to the exact weights, by the way down."""
    table = datasets.load_diabetes()
    columns = dict(zip(table.feature_names, standardised(table.data).T, strict=True))
    columns["progression"] = standardised(table.target)
    found = {}
    for name in names:
        opt_func, epochs, lr, schedule, batch_size = DESCENTS[name]
        data = DataBunch.from_df(columns, "progression", batch_size=batch_size)
        exact = models.least_squares(data)
        learn = Learner(data, models.linear(10, 1), opt_func=opt_func, device="cpu")
        learn.fit(epochs, lr, schedule=schedule, weight_decay=0, progress=False)
        difference = learn.model[1].weight - exact[1].weight
        found[name] = difference.detach().abs().max().item()
        print(f"{name:<10} {epochs:>5} epochs: weights differ by at most {found[name]:.1e}")
    return found


def classification(l2=1e-3):
    """Return the accuracy of logistic regression, scikit-learn's, and how far weights differ."""
    table = datasets.load_breast_cancer()
    x, y = standardised(table.data), table.target
    data = DataBunch.from_arrays(x, y, classes=table.target_names, batch_size=455)  # all at once
    learn = Learner(data, models.linear(30, 2), opt_func=Newton, metrics="accuracy", device="cpu")
    learn.fit(12, 1.0, schedule=constant(), callbacks=L2Penalty(l2), progress=False)
    train, valid = data.one_batch(), data.one_batch(train=False)
    theirs = LogisticRegression(C=1 / (l2 * len(train.x)), max_iter=1000, tol=1e-8)
    theirs.fit(train.x, train.y)
    weight = learn.model[1].weight.detach()
    return {
        "accuracy": learn.history[-1]["accuracy"],
        "scikit-learn": theirs.score(valid.x, valid.y),
        "difference": (weight[1] - weight[0] - torch.tensor(theirs.coef_[0])).abs().max().item(),
    }


def main(full=False):
    found = regression(DESCENTS if full else ["momentum", "L-BFGS"])
    logistic = classification()
    print("logistic regression: " + ", ".join(f"{k} {v:.4g}" for k, v in logistic.items()))
    return found, logistic


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="four ways down, not two; 17 s")
    main(**vars(parser.parse_args()))
