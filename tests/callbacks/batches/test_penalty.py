"""L1Penalty and L2Penalty: their formula, the table, and steps in parts."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from learnkit.callback import Callback
from learnkit.callbacks.batches.penalty import L1Penalty, L2Penalty
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.sanity.names import CHECKS
from learnkit.state import Phase, State
from learnkit.testing import tiny_learner


def at_a_loss(make_state: Any, phase: Phase = Phase.TRAIN) -> State:
    """A loss of 10 of a model with weights 1, -2, ... and biases that do not count."""
    state: State = make_state()
    state.model.weight.data = torch.tensor([[1.0, -2.0, 3.0], [0.0, 0.5, -1.5]])
    state.open_phase(phase, batches=1)
    state.loss = torch.tensor(10.0, requires_grad=True)
    return state


@pytest.mark.parametrize(("penalty", "size"), [(L1Penalty(0.1), 8.0), (L2Penalty(0.1), 16.5)])
def test_the_size_of_weights_is_added_to_the_loss(
    make_state: Any, penalty: Callback, size: float
) -> None:
    state = at_a_loss(make_state)
    penalty.after_loss(state)
    assert state.loss.item() == pytest.approx(10 + 0.1 * size)


def test_its_gradient_is_that_of_the_formula(make_state: Any) -> None:
    """0.1 * sign(w), and nothing where w is 0; 2 * 0.1 * w."""
    for penalty, gradient in ((L1Penalty(0.1), torch.sign), (L2Penalty(0.1), lambda w: 2 * w)):
        state = at_a_loss(make_state)
        penalty.after_loss(state)
        state.loss.backward()
        torch.testing.assert_close(state.model.weight.grad, 0.1 * gradient(state.model.weight.data))
        assert state.model.bias.grad is None


def test_validation_has_no_penalty(make_state: Any) -> None:
    state = at_a_loss(make_state, Phase.VALID)
    L2Penalty(0.1).after_loss(state)
    assert state.loss.item() == 10.0


def test_weights_that_do_not_train_do_not_count(make_state: Any) -> None:
    state = at_a_loss(make_state)
    state.model.weight.requires_grad_(False)
    L1Penalty(0.1).after_loss(state)
    assert state.loss.item() == 10.0


def learner(**options: Any) -> Learner:
    """Without norms and dropout, whose results depend on the parts of a batch."""
    data = tiny_learner().data
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    options.setdefault("opt_func", partial(torch.optim.SGD, lr=0.1))
    return Learner(data, model, device="cpu", metrics=accuracy, mute=CHECKS, **options)


def trained(learn: Learner, *callbacks: Callback, **fit: Any) -> tuple[Tensor, list[float]]:
    history = learn.fit(2, 0.1, callbacks=callbacks, progress=False, **{"weight_decay": 0, **fit})
    losses = [row[name] for row in history for name in ("train_loss", "valid_loss")]
    return torch.cat([p.detach().flatten() for p in learn.model.parameters()]), losses


@pytest.mark.parametrize("penalty", [L1Penalty(0.05), L2Penalty(0.05)])
def test_a_batch_in_parts_has_it_once(penalty: Callback) -> None:
    whole, losses = trained(learner(), penalty)
    parts, others = trained(learner(micro_batch=1), penalty)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)
    assert others == pytest.approx(losses, rel=1e-5)


def test_for_sgd_it_is_weight_decay_of_twice_the_weight() -> None:
    """In steps of several batches too."""
    for fit in ({}, {"accumulate": 3}):
        decayed, _ = trained(learner(), weight_decay=0.2, **fit)
        found, _ = trained(learner(), L2Penalty(0.1), **fit)
        torch.testing.assert_close(found, decayed, rtol=1e-5, atol=1e-6)


def test_lbfgs_minimizes_it_too() -> None:
    optimizer = partial(torch.optim.LBFGS, max_iter=5)
    strong, _ = trained(learner(opt_func=optimizer), L2Penalty(1.0))
    none, _ = trained(learner(opt_func=optimizer))
    assert strong.norm() < 0.5 * none.norm()


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, "1", True])
def test_a_weight_that_is_no_weight_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError) as caught:
        L1Penalty(wrong)
    assert str(caught.value) == (
        f"L1Penalty(): weight must be a number of at least 0, found {wrong!r}."
    )
