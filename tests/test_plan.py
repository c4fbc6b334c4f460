"""FitPlan: what one fit will do, and the line that says so."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit.data.bunch import DataBunch
from learnkit.plan import FitPlan, fine_tune_rates, one_cycle_plan, opening_line
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
    assert fine_tune_rates(2e-3, n, lr_mult=100) == pytest.approx(rates)


def test_fine_tuning_refuses_a_body_that_would_not_learn() -> None:
    with pytest.raises(ValueError) as caught:
        fine_tune_rates(1e-3, 3, lr_mult=0)
    assert str(caught.value) == "lr_mult must be a number above 0; got 0."
