"""FitPlan: what one fit will do, and the line that says so."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit.data.bunch import DataBunch
from learnkit.optim import layer_decay
from learnkit.plan import (
    FitPlan,
    fine_tune_rates,
    flat_cos_plan,
    head_rates,
    one_cycle_plan,
    opening_line,
    sgdr_plan,
)
from learnkit.state import State


@pytest.fixture
def state() -> State:
    x, y = torch.zeros(40, 3), torch.tensor([0, 1] * 20)
    data = DataBunch.from_arrays(x, y, valid=(x[:10], y[:10]), batch_size=8)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return State(model, optimizer=optimizer, train_dl=data.train_dl, valid_dl=data.valid_dl)


def line(state: State, rates: list[float], **options: Any) -> str:
    plan = FitPlan(epochs=2, lr=rates, weight_decay=0.01, **options)
    return opening_line(plan, state, rates, precision="fp32 (as asked)", device="cpu (1 thread)")


def test_the_opening_line_says_all_that_was_chosen(state: State) -> None:
    assert line(state, [0.003]) == (
        "40 train, 10 valid samples in batches of 8; all 8 weights train; "
        "SGD, constant, lr 0.003, decay 0.01; fp32 (as asked) on cpu (1 thread)"
    )


def test_the_opening_line_tells_what_is_frozen_spread_and_accumulated(state: State) -> None:
    state.model = nn.Sequential(nn.Linear(1500, 1000, bias=False), nn.Linear(1000, 2, bias=False))
    state.model[0].requires_grad_(False)
    state.valid_dl = None
    assert line(state, [1e-5, 1e-3], accumulate=4, schedule_name="one cycle") == (
        "40 train, no valid samples in batches of 8 x 4; 2 k of 1.5 M weights train; "
        "SGD, one cycle, lr 1e-05 to 0.001, decay 0.01; fp32 (as asked) on cpu (1 thread)"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"epochs": 0}, "epochs must be at least 1; got 0."),
        ({"epochs": -1}, "epochs must be at least 1; got -1."),
        ({"epochs": 1, "accumulate": 0}, "accumulate must be at least 1; got 0."),
    ],
)
def test_a_plan_that_does_nothing_is_refused(options: Any, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        FitPlan(lr=0.1, weight_decay=0.0, **options)
    assert str(caught.value) == expected


def test_the_schedule_is_constant_unless_told(state: State) -> None:
    plan = FitPlan(epochs=1, lr=0.1, weight_decay=0.0)
    assert [plan.schedule(at) for at in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]
    assert plan.momentum is None


def test_one_cycle_has_the_corners_of_fastai() -> None:
    """fastai v2 ``fit_one_cycle``: lr / 25, up to lr at 25 %, down to lr / 1e5; mom .95 .85 .95."""
    plan = one_cycle_plan(3, 0.1, weight_decay=0.01, pct_start=0.25)
    rates = [plan.schedule(at) for at in (0.0, 0.25, 1.0)]
    assert rates == pytest.approx([1 / 25, 1.0, 1e-5])
    assert plan.momentum is not None
    assert [plan.momentum(at) for at in (0.0, 0.25, 1.0)] == pytest.approx([0.95, 0.85, 0.95])
    assert (plan.epochs, plan.lr, plan.schedule_name) == (3, 0.1, "one cycle")


@pytest.mark.parametrize(
    ("n", "rates"),
    [
        (1, [2e-3]),
        (2, [2e-5, 2e-3]),
        (3, [2e-6, 2e-5, 2e-3]),
        (4, [2e-6, 40**0.5 * 1e-6, 2e-5, 2e-3]),
    ],
)
def test_fine_tuning_gives_the_body_far_lower_rates_than_the_head(
    n: int, rates: list[float]
) -> None:
    assert fine_tune_rates(4e-3, n, lr_mult=100) == pytest.approx(rates)


def test_fine_tuning_refuses_a_body_that_would_not_learn() -> None:
    with pytest.raises(ValueError) as caught:
        fine_tune_rates(1e-3, 3, lr_mult=0)
    assert str(caught.value) == "lr_mult must be a number above 0; got 0."


def test_fine_tuning_follows_a_decay_by_depth() -> None:
    """Half the rate, as for a number; the head alone gets the whole of it."""
    decay = layer_decay(4e-3, 0.5)
    assert fine_tune_rates(decay, 3, lr_mult=100) == [0.5e-3, 1e-3, 2e-3]
    assert (head_rates(decay), head_rates(4e-3)) == (slice(4e-3), slice(4e-3))


def test_an_optimizer_without_decay_is_said_to_have_none(state: State) -> None:
    state._optimizer = torch.optim.Rprop(state.model.parameters())
    assert "; Rprop, constant, lr 0.003, no decay; " in line(state, [0.003])


def test_flat_cosine_has_the_corners_of_fastai() -> None:
    """fastai v2 ``fit_flat_cos``: flat for 75 %, then to lr / 1e5."""
    plan = flat_cos_plan(4, 0.1, weight_decay=0.01)
    assert [plan.schedule(at) for at in (0.0, 0.75, 1.0)] == [1.0, 1.0, 1e-5]
    assert (plan.epochs, plan.schedule_name) == (4, "flat, then cosine")


@pytest.mark.parametrize(
    ("cycles", "length", "mult", "epochs", "name"),
    [(3, 1, 2, 7, "3 cosines"), (3, 2, 1, 6, "3 cosines"), (1, 5, 2, 5, "one cosine")],
)
def test_restarts_last_as_long_as_fastais(
    cycles: int, length: int, mult: int, epochs: int, name: str
) -> None:
    """fastai v2 ``fit_sgdr``: cycle_len * (cycle_mult ** n - 1) / (cycle_mult - 1) epochs."""
    plan = sgdr_plan(cycles, length, 0.1, weight_decay=0.01, cycle_mult=mult)
    assert (plan.epochs, plan.schedule_name) == (epochs, name)
    begins = [length * sum(mult**j for j in range(i)) / epochs for i in range(cycles)]
    assert [plan.schedule(begin) for begin in begins] == [1.0] * cycles


def test_cycles_of_no_epochs_are_refused() -> None:
    with pytest.raises(ValueError) as caught:
        sgdr_plan(2, 0, 0.1, weight_decay=0.0)
    assert (
        str(caught.value) == "fit_sgdr(): cycle_len must be a whole number of at least 1, found 0."
    )
