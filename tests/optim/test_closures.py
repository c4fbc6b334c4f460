"""What an optimizer asks of the loop within its step."""

from functools import partial

import pytest
import torch
from torch import nn

from learnkit import DataBunch, Learner, models
from learnkit.callbacks import SAM, WeightNoise
from learnkit.optim import Newton, asks_for, words_for


def made(optimizer):
    return optimizer([nn.Parameter(torch.zeros(2))])


def test_most_read_the_gradients_that_are_there():
    assert asks_for(made(torch.optim.AdamW)) is None
    assert asks_for(None) is None


def test_two_compute_the_loss_again():
    found = [(asks_for(made(o)), words_for(made(o))) for o in (torch.optim.LBFGS, Newton)]
    assert found == [("gradients", "L-BFGS"), ("loss", "Newton")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"accumulate": 2},
            "Newton computes the loss of one batch again and again within a step, so it cannot "
            "accumulate over 2; leave accumulate out and take larger batches.",
        ),
        (
            {"callbacks": SAM()},
            "SAM changes the gradient of a step, and Newton computes its own again and again "
            "within it; leave one of the two out.",
        ),
        (
            {"callbacks": WeightNoise(0.1)},
            "WeightNoise changes the gradient of a step, and Newton computes its own again and "
            "again within it; leave one of the two out.",
        ),
    ],
)
def test_what_needs_the_steps_own_gradient_refuses_newton(options, message):
    x = torch.rand(8, 2)
    data = DataBunch.from_arrays(x, x, valid=(x, x), batch_size=4)
    learn = Learner(data, models.linear(2, 2), opt_func=partial(Newton, damping=0.1), device="cpu")
    with pytest.raises(ValueError) as caught:
        learn.fit(1, 1.0, progress=False, **options)
    assert str(caught.value) == message
