"""LRSchedule: rate and momentum are functions of the fraction of the fit done."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callbacks.rates.lr_schedule import LRSchedule
from learnkit.progress import Progress
from learnkit.schedule import cosine, linear, one_cycle, one_cycle_momentum
from learnkit.state import State

STEPS = 8


def rates(callback: LRSchedule, state: State, key: str = "lr") -> list[list[Any]]:
    """What each group has at each step."""
    callback.before_fit(state)
    seen = []
    for _ in range(STEPS):
        callback.before_step(state)
        seen.append([group[key] for group in state.optimizer.param_groups])
        state.progress.steps_done += 1
    return seen


def test_the_first_step_has_the_schedules_first_value_and_the_last_step_comes_near_its_end(
    make_state: Any,
) -> None:
    found = rates(LRSchedule(linear()), make_state(lr=2.0, steps=STEPS))
    assert found == [[2.0 * (1 - step / STEPS)] for step in range(STEPS)]


def test_each_group_keeps_its_own_peak() -> None:
    body, head = nn.Linear(1, 1), nn.Linear(1, 1)
    groups = [
        {"params": body.parameters(), "lr": 7.0, "initial_lr": 0.25},
        {"params": head.parameters(), "lr": 1.0},
    ]
    progress = Progress(steps_planned=STEPS)
    state = State(nn.ModuleList([body, head]), optimizer=torch.optim.SGD(groups), progress=progress)
    found = rates(LRSchedule(cosine()), state)
    assert found[0] == [0.25, 1.0]
    assert found[STEPS // 2] == pytest.approx([0.125, 0.5])


def test_a_resumed_fit_goes_on_exactly(make_state: Any) -> None:
    whole = rates(LRSchedule(one_cycle()), make_state(steps=STEPS))
    state = make_state(steps=STEPS)
    state.optimizer.param_groups[0]["initial_lr"] = 0.1
    state.optimizer.param_groups[0]["lr"] = 0.077  # whatever the rate was when it was killed
    state.progress.steps_done = 5
    callback = LRSchedule(one_cycle())
    callback.before_fit(state)
    callback.before_step(state)
    assert [state.lr] == whole[5]


def test_momentum_is_beta1_of_the_adam_family(make_state: Any) -> None:
    state = make_state(steps=STEPS, optimizer=torch.optim.AdamW, betas=(0.9, 0.99))
    found = rates(LRSchedule(one_cycle(), one_cycle_momentum()), state, "betas")
    assert found[0] == [(0.95, 0.99)]
    assert found[2] == [(0.85, 0.99)]  # a quarter of the fit: the peak rate


def test_momentum_of_sgd_moves_too(make_state: Any) -> None:
    state = make_state(steps=STEPS, momentum=0.9)
    found = rates(LRSchedule(one_cycle(), one_cycle_momentum()), state, "momentum")
    assert found[0] == [0.95]
    assert found[2] == [0.85]


@pytest.mark.parametrize(
    ("optimizer", "options", "key"),
    [
        (torch.optim.SGD, {"momentum": 0.9}, "momentum"),
        (torch.optim.AdamW, {"betas": (0.9, 0.99)}, "betas"),
    ],
)
def test_momentum_is_put_back_after_the_fit_also_of_a_resumed_one(
    make_state: Any, optimizer: Any, options: dict[str, Any], key: str
) -> None:
    callback = LRSchedule(one_cycle(), one_cycle_momentum())
    state = make_state(optimizer=optimizer, **options)
    rates(callback, state)
    killed = state.optimizer.state_dict()
    callback.after_fit(state)
    assert state.optimizer.param_groups[0][key] == options[key]
    assert "initial_momentum" not in state.optimizer.param_groups[0]

    state = make_state(optimizer=optimizer, **options)
    state.optimizer.load_state_dict(killed)
    callback.before_fit(state)
    callback.after_fit(state)
    assert state.optimizer.param_groups[0][key] == options[key]


def test_plain_sgd_stays_plain(make_state: Any) -> None:
    state = make_state(steps=STEPS)
    found = rates(LRSchedule(one_cycle(), one_cycle_momentum()), state, "momentum")
    assert found == [[0]] * STEPS


def test_an_optimizer_without_momentum_is_left_alone(make_state: Any) -> None:
    state = make_state(steps=STEPS, optimizer=torch.optim.Adagrad)
    rates(LRSchedule(one_cycle(), one_cycle_momentum()), state)
    assert "momentum" not in state.optimizer.param_groups[0]
