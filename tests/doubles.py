"""A learner that computes in fp64, where sums can be compared with their closed form."""

import torch
from torch import Tensor, nn

from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.optim import sgd
from learnkit.sanity.names import CHECKS


class _Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.double()


def double_learner(
    *, samples: int = 14, batch_size: int = 4, norm: bool = False, valid: bool = True
) -> Learner:
    """Return a learner of an MLP in fp64 with SGD; equal weights and data every time."""
    drawn = torch.Generator().manual_seed(3)
    x = torch.randn(samples + 6, 4, generator=drawn)
    y = (x.sum(1) > 0).long()
    whole = DataBunch.from_arrays(
        x[:samples],
        y[:samples],
        valid=(x[samples:], y[samples:]),
        classes=[0, 1],
        batch_size=batch_size,
        seed=5,
    )
    data = whole if valid else DataBunch.from_dls(whole.train_dl, classes=[0, 1], seed=5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        body = [nn.Linear(4, 6), *([nn.BatchNorm1d(6)] if norm else []), nn.Tanh()]
        model = nn.Sequential(_Double(), nn.Sequential(*body), nn.Linear(6, 2)).double()
    return Learner(data, model, opt_func=sgd, device="cpu", precision="fp32", mute=CHECKS)  # type: ignore[arg-type]
