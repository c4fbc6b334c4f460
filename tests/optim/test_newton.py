"""Newton's method, alone and through the loop."""

import pytest
import torch
from torch import nn

from learnkit import DataBunch, Learner, models
from learnkit.callback import Callback
from learnkit.callbacks import L2Penalty
from learnkit.errors import ModelError
from learnkit.optim import Newton
from learnkit.schedule import constant


def weight(*values):
    return nn.Parameter(torch.tensor(values))


def test_a_parabola_takes_one_step_to_the_bottom():
    w = weight(5.0, -3.0)
    curvature = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    target = torch.tensor([1.0, 2.0])
    optimizer = Newton([w], damping=0)
    loss = optimizer.step(lambda: (w - target) @ curvature @ (w - target) / 2)
    torch.testing.assert_close(w.detach(), target)
    assert float(loss) == pytest.approx(18.5)  # before the step: (4, -5)


def test_the_damping_is_added_to_the_second_derivative():
    """w - lr * g / (h + damping), by hand: 3 - 0.5 * 6 / (2 + 1)."""
    w = weight(3.0)
    Newton([w], lr=0.5, damping=1.0).step(lambda: w.square().sum())
    assert w.item() == pytest.approx(2.0)


def test_it_finds_the_bottom_of_a_bent_valley():
    """Rosenbrock 1960: (1, 1) from (-1.2, 1); plain descent takes thousands of steps."""
    w = weight(-1.2, 1.0)
    optimizer = Newton([w])
    for _ in range(30):
        optimizer.step(lambda: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2)
    torch.testing.assert_close(w.detach(), torch.ones(2), rtol=1e-3, atol=1e-3)


def test_no_step_raises_the_loss_where_the_second_derivative_is_below_0():
    """cos(w) near its maximum: the undamped step would climb."""
    w = weight(0.5)
    optimizer = Newton([w])
    losses = [float(optimizer.step(lambda: w.cos().sum())) for _ in range(12)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < -0.99


def test_a_step_that_never_helps_leaves_the_weights():
    w = weight(1.0)
    calls = []

    def closure():
        calls.append(float(w.detach()))
        return w.square().sum() + len(calls)  # higher at every look

    Newton([w], tries=3).step(closure)
    assert w.item() == 1.0
    assert len(calls) == 4


def test_what_is_frozen_stays_and_what_has_no_part_in_the_loss_too():
    w, frozen, unused = weight(3.0), weight(1.0).requires_grad_(False), weight(2.0)
    Newton([w, frozen, unused], damping=1e-3).step(lambda: (w * frozen).square().sum())
    assert abs(w.item()) < 0.01
    assert (frozen.item(), unused.item()) == (1.0, 2.0)


def test_a_plane_is_walked_down_by_the_damping_alone():
    w = weight(0.0)
    Newton([w], damping=0.5).step(lambda: (3 * w).sum())
    assert w.item() == pytest.approx(-6.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Newton([weight(0.0)], damping=-1), ValueError,
         "Newton(): damping must be at least 0; found -1."),
        (lambda: Newton([weight(0.0)], lr=float("nan")), ValueError,
         "Newton(): lr must be at least 0; found nan."),
        (lambda: Newton([weight(0.0)], tries=0), ValueError,
         "Newton(): tries must be at least 1; found 0."),
        (lambda: Newton([nn.Parameter(torch.zeros(5001))]), ValueError,
         "Newton holds a matrix of 5,001 x 5,001 second derivatives for this model; it takes at "
         "most 5,000 parameters. torch.optim.LBFGS has no such limit."),
        (lambda: Newton([weight(0.0)]).step(), ValueError,
         "Newton.step() needs a closure that returns the loss with its graph."),
        (lambda: Newton([weight(0.0)], dampin=1), TypeError,
         "Newton() has no argument 'dampin'. Did you mean 'damping'?"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_a_loss_without_second_derivatives_is_named():
    """Such as one whose closure has called ``backward``, as for L-BFGS."""
    w = weight(1.0)

    def closure():
        loss = w.square().sum()
        loss.backward()
        return loss

    with pytest.raises(ModelError) as caught:
        Newton([w]).step(closure)
    said = str(caught.value)
    assert said.startswith("Newton needs second derivatives of the loss, and torch cannot compute")
    assert said.endswith("Leave compile= out, or take torch.optim.LBFGS.")


# ---------------------------------------------------------------- through a learner


class Killed(Exception):
    """What ends a fit."""


class Kill(Callback):
    """End the fit after its third batch."""

    looks_on = True

    def after_batch(self, state):
        if state.training and state.progress.batches_seen == 3:
            raise Killed


def make(folder, batch_size=40):
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=drawn)
    y = (x.sum(1) + 0.5 * torch.randn(40, generator=drawn) > 0).long()
    data = DataBunch.from_arrays(x, y, valid=(x, y), classes=[0, 1], batch_size=batch_size)
    return Learner(data, models.linear(3, 2), opt_func=Newton, device="cpu", path=folder)


def fit(learn, *callbacks, **options):
    return learn.fit(
        5, 1.0, schedule=constant(), progress=False, callbacks=[L2Penalty(0.01), *callbacks],
        **options,
    )  # fmt: skip


def test_logistic_regression_is_done_in_five_steps_and_its_penalty_counts(tmp_path):
    learn = make(tmp_path)
    losses = [row["train_loss"] for row in fit(learn)]
    assert losses == sorted(losses, reverse=True)
    state = learn.model.state_dict()
    w = state["1.weight"].double().requires_grad_()
    b = state["1.bias"].double().requires_grad_()
    x, y = learn.data.train_dl.batches(0).__next__().batch
    loss = nn.functional.cross_entropy(x.double() @ w.T + b, y) + 0.01 * w.square().sum()
    assert max(float(g.abs().max()) for g in torch.autograd.grad(loss, [w, b])) < 1e-4


def test_a_batch_in_parts_makes_the_same_step(tmp_path):
    whole, parts = make(tmp_path), make(tmp_path)
    parts.micro_batch = 16
    fit(whole)
    fit(parts)
    x = whole.data.one_batch().x
    # adding a number to both logits changes no loss, so only rounding says where they lie
    ours, theirs = (learn.model(x).softmax(1) for learn in (whole, parts))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_a_fit_that_was_killed_resumes_to_the_same_bits(tmp_path):
    whole = make(tmp_path, batch_size=20)
    fit(whole)
    with pytest.raises(Killed):
        fit(make(tmp_path, batch_size=20), Kill(), checkpoint="run", every_steps=1)
    resumed = make(tmp_path, batch_size=20)
    fit(resumed, checkpoint="run", every_steps=1)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert whole.optimizer.state_dict()["state"] == resumed.optimizer.state_dict()["state"]
    assert whole.optimizer.state_dict()["state"][0]["damping"] < 1e-3
