"""Bring your own model, loaders and loss: learnkit runs the loop and nothing else.

A plain ``nn.Module`` and plain torch ``DataLoader``s, here for a regression without any photos.

    python examples/own_loop_parts.py
"""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from learnkit.vision import *


def mean_error(preds, targets):
    return (preds - targets).abs().mean()


def loaders(size, batch_size=32):
    """Points of a noisy parabola, ``size`` to train on and a quarter as many to validate."""
    x = torch.linspace(-1, 1, size + size // 4)[:, None]
    y = x.square() + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    train = TensorDataset(x[order[:size]], y[order[:size]])
    valid = TensorDataset(x[order[size:]], y[order[size:]])
    return DataLoader(train, batch_size, shuffle=True), DataLoader(valid, batch_size)


def main(size=512, epochs=10):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 1))
    data = DataBunch.from_dls(*loaders(size))
    learn = Learner(data, model, loss_func=nn.MSELoss(), metrics=mean_error)
    history = learn.fit_one_cycle(epochs, max_lr=1e-2)
    print(f"mean error after {epochs} epochs: {history[-1]['mean_error']:.3f}")
    return history


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=10, help="how long to train")
    main(epochs=parser.parse_args().epochs)
