"""ParamSchedule: any number of the optimizer along a schedule, and back after the fit."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callbacks.rates.param_schedule import ParamSchedule
from learnkit.optim import adamw, build_optimizer, set_rates
from learnkit.progress import Progress
from learnkit.schedule import constant, linear
from learnkit.state import State

STEPS = 4


def two_groups(decay: float = 0.2) -> State:
    """A layer whose weight decays and whose bias does not."""
    model = nn.Linear(3, 2)
    optimizer = build_optimizer(adamw, [list(model.parameters())])
    set_rates(optimizer, [0.1], decay)
    return State(model, optimizer=optimizer, progress=Progress(steps_planned=STEPS))


def values(callback: ParamSchedule, state: State, key: str) -> list[list[Any]]:
    callback.before_fit(state)
    seen = []
    for _ in range(STEPS):
        callback.before_step(state)
        seen.append([group[key] for group in state.optimizer.param_groups])
        state.progress.steps_done += 1
    return seen


def test_each_group_keeps_its_own_value_to_multiply() -> None:
    found = values(ParamSchedule("weight_decay", linear()), two_groups(), "weight_decay")
    assert found == [[0.2, 0.0], [pytest.approx(0.15), 0.0], [0.1, 0.0], [0.05, 0.0]]


def test_a_peak_takes_the_place_of_the_own_value_where_decay_is_wanted() -> None:
    callback = ParamSchedule("weight_decay", linear(), peak=0.4)
    found = values(callback, two_groups(decay=0.0), "weight_decay")
    assert found == [[0.4, 0.0], [pytest.approx(0.3), 0.0], [0.2, 0.0], [0.1, 0.0]]


def test_momentum_is_beta1_of_the_adam_family() -> None:
    found = values(ParamSchedule("momentum", linear(), peak=0.8), two_groups(), "betas")
    assert [betas for betas, _ in found] == [
        (0.8, 0.99),
        (pytest.approx(0.6), 0.99),
        (0.4, 0.99),
        (0.2, 0.99),
    ]


def test_the_rate_may_be_moved_in_place_of_the_fits_own_schedule() -> None:
    found = values(ParamSchedule("lr", linear()), two_groups(), "lr")
    assert [lr for lr, _ in found] == pytest.approx([0.1, 0.075, 0.05, 0.025])


@pytest.mark.parametrize("param", ["weight_decay", "momentum", "eps"])
def test_everything_is_put_back_after_the_fit_also_of_a_resumed_one(param: str) -> None:
    before = [
        {k: v for k, v in g.items() if k != "params"} for g in two_groups().optimizer.param_groups
    ]
    callback, state = ParamSchedule(param, linear()), two_groups()
    values(callback, state, "lr")
    killed = state.optimizer.state_dict()
    for fresh, taken in ((state, False), (two_groups(), True)):
        if taken:
            callback.before_fit(fresh)
            fresh.optimizer.load_state_dict(killed)
        callback.after_fit(fresh)
        groups = fresh.optimizer.param_groups
        assert [{k: v for k, v in g.items() if k != "params"} for g in groups] == before


def test_a_resumed_fit_multiplies_the_value_of_the_first() -> None:
    callback, state = ParamSchedule("weight_decay", linear()), two_groups()
    values(callback, state, "weight_decay")
    killed, resumed = state.optimizer.state_dict(), two_groups()
    callback.before_fit(resumed)
    resumed.optimizer.load_state_dict(killed)
    resumed.progress.steps_done = 2
    callback.before_step(resumed)
    assert resumed.optimizer.param_groups[0]["weight_decay"] == 0.1


def test_two_of_them_have_names_of_their_own() -> None:
    names = [ParamSchedule(param, constant()).name for param in ("weight_decay", "momentum")]
    assert names == ["ParamSchedule(weight_decay)", "ParamSchedule(momentum)"]


@pytest.mark.parametrize(
    ("param", "state", "message"),
    [
        (
            "wieght_decay",
            two_groups,
            "ParamSchedule(wieght_decay): AdamW has no such number; it has weight_decay, eps, lr, "
            "momentum. Did you mean 'weight_decay'?",
        ),
        (
            "weight_decay",
            lambda: two_groups(decay=0.0),
            "ParamSchedule(weight_decay): every weight_decay is 0, and multiplied it stays so; "
            "give peak=.",
        ),
    ],
)
def test_a_number_that_cannot_be_moved_is_refused_before_the_fit(
    param: str, state: Any, message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        ParamSchedule(param, linear()).before_fit(state())
    assert str(caught.value).replace("lr, eps, weight_decay", "weight_decay, eps, lr") == message


def test_plain_sgd_has_no_momentum_to_move(make_state: Any) -> None:
    with pytest.raises(ValueError, match=r"^ParamSchedule\(momentum\): SGD has no such number"):
        ParamSchedule("momentum", linear()).before_fit(make_state(optimizer=torch.optim.SGD))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"schedule": 3},
            "ParamSchedule(): schedule must be a function of the fraction done, in [0, 1], such as "
            "those of learnkit.schedule; found 3.",
        ),
        (
            {"schedule": linear(), "peak": True},
            "ParamSchedule(): peak must be a number or None, found True.",
        ),
        (
            {"schedule": linear(), "peek": 1},
            "ParamSchedule() has no argument 'peek'. Did you mean 'peak'?",
        ),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        ParamSchedule("eps", **options)
    assert str(caught.value) == message
