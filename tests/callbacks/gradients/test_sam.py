"""SAM: its step against the closed form, and weights that are put back to the bit."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.callback import Callback
from learnkit.callbacks.batches.penalty import L2Penalty
from learnkit.callbacks.gradients.gradient_clip import GradientClip
from learnkit.callbacks.gradients.sam import SAM
from learnkit.data.bunch import DataBunch
from learnkit.errors import StateError
from learnkit.learner import Learner
from learnkit.sanity.names import CHECKS
from learnkit.state import State
from learnkit.testing import tiny_learner

LR, RHO = 0.1, 0.3


def data(n: int = 8, batch_size: int = 8) -> DataBunch:
    """Rows of doubles, in order."""
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(n, 3, dtype=torch.float64, generator=drawn)
    y = torch.randn(n, 1, dtype=torch.float64, generator=drawn)
    rows = torch.utils.data.TensorDataset(x, y)
    return DataBunch.from_dls(torch.utils.data.DataLoader(rows, batch_size=batch_size))


def quadratic(**options: Any) -> Learner:
    """Mean squared error of a linear model: a quadratic in its 3 weights."""
    model = nn.Linear(3, 1, bias=False).double()
    model.weight.data = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64)
    return Learner(
        options.pop("data", data()),
        model,
        loss_func=F.mse_loss,
        opt_func=torch.optim.SGD,
        device="cpu",
        mute=CHECKS,
        **options,
    )


def stepped(*callbacks: Callback, **fit: Any) -> Tensor:
    learn = quadratic()
    learn.fit(
        1, LR, schedule=lambda t: 1.0, weight_decay=0, callbacks=callbacks, progress=False, **fit
    )
    return learn.model.weight.data[0]


def slope(w: Tensor) -> Tensor:
    """The gradient of the quadratic, by hand."""
    x, y = (torch.cat(parts) for parts in zip(*data().train_dl, strict=True))
    return 2 / len(x) * x.T @ (x @ w - y[:, 0])


W = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def test_a_step_on_a_quadratic_is_the_closed_form() -> None:
    g = slope(W)
    expected = W - LR * slope(W + RHO * g / g.norm())
    torch.testing.assert_close(stepped(SAM(RHO)), expected, rtol=0, atol=1e-10)
    assert (expected - (W - LR * g)).abs().max() > 1e-3


def test_an_adaptive_step_is_the_closed_form() -> None:
    g = slope(W)
    climb = RHO * W**2 * g / (W.abs() * g).norm()
    expected = W - LR * slope(W + climb)
    torch.testing.assert_close(stepped(SAM(RHO, adaptive=True)), expected, rtol=0, atol=1e-10)


def test_a_penalty_is_part_of_the_hill() -> None:
    def hill(w: Tensor) -> Tensor:
        return slope(w) + 2 * 0.5 * w

    g = hill(W)
    expected = W - LR * hill(W + RHO * g / g.norm())
    torch.testing.assert_close(stepped(SAM(RHO), L2Penalty(0.5)), expected, rtol=0, atol=1e-10)


def test_clipping_after_it_clips_the_gradient_found_and_before_it_the_first() -> None:
    """The first one's length makes no difference: the climb is of length rho."""
    g = slope(W)
    found = slope(W + RHO * g / g.norm())
    after = W - LR * 0.1 * found / found.norm()
    torch.testing.assert_close(stepped(SAM(RHO), GradientClip(0.1)), after, rtol=1e-5, atol=0)
    before = stepped(GradientClip(0.1), SAM(RHO))
    torch.testing.assert_close(before, W - LR * found, rtol=0, atol=1e-9)


def test_a_batch_in_parts_climbs_as_the_whole_one() -> None:
    whole, parts = quadratic(), quadratic(micro_batch=3)
    for learn in (whole, parts):
        learn.fit(2, LR, callbacks=SAM(RHO), progress=False)
    torch.testing.assert_close(parts.model.weight, whole.model.weight, rtol=0, atol=1e-10)


def test_the_weights_are_the_same_bits_when_the_optimizer_steps() -> None:
    class Watch(Callback):
        """Before SAM and after it, in one step."""

        def before_step(self, state: State) -> None:
            seen.append([p.detach().clone() for p in state.model.parameters()])

    seen: list[list[Tensor]] = []
    tiny_learner().fit(1, callbacks=[Watch(), SAM(0.7), Watch()], progress=False)
    assert len(seen) == 8
    for before, after in zip(seen[::2], seen[1::2], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_frozen_weights_stay_where_they_are_also_during_the_climb() -> None:
    learn = tiny_learner()
    learn.freeze()
    for parameter in learn.layer_groups[0]:
        parameter.requires_grad_(False)
    frozen = learn.layer_groups[0][0]
    seen: list[Tensor] = []
    head = learn.model[1][1]
    moved: list[Tensor] = []

    class Watch(Callback):
        def after_forward(self, state: State) -> None:
            seen.append(frozen.detach().clone())
            moved.append(head.weight.detach().clone())

    before = frozen.detach().clone()
    learn.fit(1, callbacks=[SAM(0.5), Watch()], progress=False)
    assert all(torch.equal(value, before) for value in seen)
    assert frozen.grad is None
    assert not torch.equal(moved[0], moved[1])


def test_a_model_without_a_gradient_takes_its_step() -> None:
    """A loss that is flat climbs nowhere, and divides by nothing."""
    flat = Learner(
        data(),
        nn.Linear(3, 1).double(),
        loss_func=lambda preds, y: 0.0 * preds.sum(),
        opt_func=torch.optim.SGD,
        device="cpu",
        mute=CHECKS,
    )
    before = flat.model.weight.detach().clone()
    flat.fit(1, weight_decay=0, callbacks=SAM(), progress=False)
    assert torch.equal(flat.model.weight, before)


class OverTheEdge(nn.Module):
    """Twice its weight, and NaN where that is above the edge."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return (2 * self.w * (math.nan if self.w.item() > 1.1 else 1.0)).expand(len(x), 1)


def test_where_the_hill_is_not_finite_the_step_is_the_plain_one() -> None:
    def after(*callbacks: Callback) -> float:
        learn = Learner(
            data(),
            OverTheEdge(),
            loss_func=lambda preds, y: preds.mean(),
            opt_func=torch.optim.SGD,
            device="cpu",
            mute=CHECKS,
        )
        learn.fit(1, LR, weight_decay=0, callbacks=callbacks, progress=False)
        return learn.model.w.item()

    assert after(SAM(0.5)) == after() < 1.0
    assert after(SAM(0.05)) == pytest.approx(after())


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_on_the_hill_puts_the_weights_back(error: type[BaseException]) -> None:
    class Failing(Callback):
        forwards = 0

        def after_forward(self, state: State) -> None:
            self.forwards += 1
            if self.forwards == 2:
                raise error

    learn = quadratic()
    with pytest.raises(error):
        learn.fit(1, callbacks=[SAM(RHO), Failing()], progress=False)
    assert torch.equal(learn.model.weight.data[0], W)


def test_an_interrupt_between_climb_and_return_is_made_good_after_the_fit(
    make_state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C may come in the very line that puts the weights back."""
    state, sam = make_state(), SAM(RHO)
    before = [p.detach().clone() for p in state.model.parameters()]
    for parameter in state.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    monkeypatch.setattr(State, "recompute", lambda self: None)
    put_back = SAM._put_back

    def interrupted(self: SAM) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SAM, "_put_back", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sam.before_step(state)
    monkeypatch.setattr(SAM, "_put_back", put_back)
    assert not torch.equal(state.model.weight, before[0])
    sam.after_fit(state)
    assert all(torch.equal(p, b) for p, b in zip(state.model.parameters(), before, strict=True))


def test_bf16_takes_its_steps() -> None:
    learn = tiny_learner()
    bf16 = Learner(learn.data, learn.model, device="cpu", precision="bf16", mute=CHECKS)
    history = bf16.fit(2, callbacks=SAM(), progress=False)
    assert math.isfinite(history[-1]["train_loss"])


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("learner", "fit", "message"),
    [
        (
            {},
            {"accumulate": 2},
            "SAM computes the batch of a step twice, and a step is of 2 batches: it needs steps of "
            "one batch, in fp32 or bf16. Leave accumulate out, or leave SAM out.",
        ),
        (
            {"precision": "fp16"},
            {},
            "SAM computes the batch of a step twice, and the fit is in fp16: it needs steps of one "
            'batch, in fp32 or bf16. Give precision="fp32" or "bf16", or leave SAM out.',
        ),
        (
            {"opt_func": torch.optim.LBFGS},
            {},
            "SAM changes the gradient of a step, and L-BFGS computes its own again and again "
            "within it; leave one of the two out.",
        ),
    ],
)
def test_fits_that_cannot_compute_a_batch_twice_are_refused_at_once(
    learner: dict[str, Any], fit: dict[str, Any], message: str
) -> None:
    given = {"opt_func": torch.optim.SGD, **learner}
    learn = Learner(data(8, 2), nn.Linear(3, 1).double(), device="cpu", mute=CHECKS, **given)
    with pytest.raises(ValueError) as caught:
        learn.fit(1, callbacks=SAM(), progress=False, **fit)
    assert str(caught.value) == message


def test_accumulation_that_begins_later_is_refused_by_the_loop() -> None:
    class Later(Callback):
        def before_epoch(self, state: State) -> None:
            state.accumulate_over(2)

    learn = quadratic(data=data(8, 2))
    with pytest.raises(StateError, match="cannot be computed again in a step of 2 batches"):
        learn.fit(1, callbacks=[SAM(), Later()], progress=False)
    assert torch.equal(learn.model.weight.data[0], W)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rho": 0}, "SAM(): rho must be a number above 0, found 0."),
        ({"rho": math.inf}, "SAM(): rho must be a number above 0, found inf."),
        ({"rho": True}, "SAM(): rho must be a number above 0, found True."),
        ({"adaptive": 1}, "SAM(): adaptive must be True or False, found 1."),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        SAM(**options)
    assert str(caught.value) == message
