"""LRFinder: an exponential sweep that records the loss and knows when to end."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callbacks.rates.lr_finder import LRFinder
from learnkit.progress import Progress
from learnkit.state import Phase, State


def sweep(finder: LRFinder, state: State, losses: list[float]) -> None:
    """Walk through training batches with these losses."""
    finder.before_fit(state)
    state.open_phase(Phase.TRAIN, batches=len(losses))
    for loss in losses:
        state.loss = torch.tensor(loss, requires_grad=True)
        finder.before_step(state)
        if state.stop_reason is not None:
            break


def test_rates_rise_exponentially_from_start_to_end(make_state: Any) -> None:
    finder, state = LRFinder(1e-4, 1.0, 5), make_state()
    sweep(finder, state, [1.0] * 9)
    assert finder.lrs == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert state.lr == 1.0
    assert state.stop_reason == "the sweep is complete after 5 steps"


def test_the_loss_is_smoothed_as_fastai_does(make_state: Any) -> None:
    """AvgSmoothLoss(beta=0.98), debiased: (0.98 * 0.02 * 1 + 0.02 * 3) / (1 - 0.98**2)."""
    finder = LRFinder(1e-4, 1.0, 5)
    sweep(finder, make_state(), [1.0, 3.0])
    assert finder.losses == pytest.approx([1.0, (0.98 * 0.02 + 0.06) / (1 - 0.98**2)])


def test_it_stops_when_the_smoothed_loss_exceeds_the_lowest_fourfold(make_state: Any) -> None:
    finder, state = LRFinder(1e-4, 1.0, 100), make_state()
    sweep(finder, state, [1.0] * 10 + [100.0] * 90)
    assert finder.losses[-1] > 4.0
    assert all(loss <= 4.0 for loss in finder.losses[:-1])
    assert state.stop_reason == f"the loss diverged at learning rate {finder.lrs[-1]:.2e}"


def test_a_negative_loss_does_not_count_as_diverged(make_state: Any) -> None:
    finder, state = LRFinder(1e-4, 1.0, 10), make_state()
    sweep(finder, state, [-1.0] * 10)
    assert state.stop_reason == "the sweep is complete after 10 steps"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_sweep_and_is_not_recorded(
    make_state: Any, bad: float
) -> None:
    finder, state = LRFinder(1e-4, 1.0, 5), make_state()
    sweep(finder, state, [1.0, 1.0, bad, 1.0])
    assert len(finder.lrs) == len(finder.losses) == 2
    assert state.stop_reason == f"the loss became {bad} at learning rate 1.00e-02"
    assert len(finder.result.lrs) == 2


def test_groups_keep_the_ratios_of_their_peaks() -> None:
    body, head = nn.Linear(1, 1), nn.Linear(1, 1)
    groups = [{"params": body.parameters(), "lr": 0.01}, {"params": head.parameters(), "lr": 0.1}]
    state = State(
        nn.ModuleList([body, head]), optimizer=torch.optim.SGD(groups), progress=Progress()
    )
    finder = LRFinder(1e-4, 1.0, 5)
    sweep(finder, state, [1.0])
    assert [g["lr"] for g in state.optimizer.param_groups] == pytest.approx([1e-5, 1e-4])
    assert finder.lrs == [1e-4]


def test_a_peak_of_zero_is_no_ratio(make_state: Any) -> None:
    state = make_state(lr=0.0)
    sweep(LRFinder(1e-4, 1.0, 5), state, [1.0])
    assert state.lr == 1e-4


def test_a_second_sweep_starts_anew(make_state: Any) -> None:
    finder = LRFinder(1e-4, 1.0, 3)
    for _ in range(2):
        sweep(finder, make_state(), [1.0] * 3)
    assert len(finder.result.lrs) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"start": 1.0, "end": 0.1},
            "LRFinder(): expected 0 < start < end, found start=1.0 and end=0.1.",
        ),
        (
            {"start": 0.0},
            "LRFinder(): expected 0 < start < end, found start=0.0 and end=10.0.",
        ),
        ({"steps": 1}, "LRFinder(): steps must be a whole number of at least 2, found 1."),
        ({"diverge": 1.0}, "LRFinder(): diverge must be above 1, found 1.0."),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        LRFinder(**options)
    assert str(caught.value) == message
