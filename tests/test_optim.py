"""Optimizers: which parameters decay, and which rate each depth gets."""

import functools
import itertools
import signal
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from learnkit.optim import adamw, build_optimizer, set_rates, sgd, spread_rates


@pytest.fixture
def layers() -> list[list[nn.Parameter]]:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return [list(body.parameters()), list(nn.Linear(4, 2).parameters())]


def told(call: Any) -> str:
    with pytest.raises(ValueError) as caught:
        call()
    return str(caught.value)


def test_each_layer_group_is_split_in_decayed_and_not(layers: list[list[nn.Parameter]]) -> None:
    optimizer = build_optimizer(adamw, layers)
    made = [
        (g["layer"], g["decayed"], [p.ndim for p in g["params"]]) for g in optimizer.param_groups
    ]
    assert made == [(0, True, [4]), (0, False, [1, 1, 1]), (1, True, [2]), (1, False, [1])]


def test_a_part_without_parameters_makes_no_group() -> None:
    only_biases = [[nn.Parameter(torch.zeros(3))], []]
    assert [g["layer"] for g in build_optimizer(sgd, only_biases).param_groups] == [0]


def test_every_parameter_is_in_exactly_one_group(layers: list[list[nn.Parameter]]) -> None:
    optimizer = build_optimizer(sgd, layers)
    grouped = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for layer in layers for p in layer)


def test_a_model_without_parameters_is_refused() -> None:
    expected = (
        "the model has no parameters, so there is nothing to train; "
        "give Learner a model with at least one nn.Parameter."
    )
    assert told(lambda: build_optimizer(adamw, [[], []])) == expected


def test_the_default_is_adamw_with_the_values_of_fastai(layers: list[list[nn.Parameter]]) -> None:
    """fastai v2's Adam: mom 0.9, sqr_mom 0.99, eps 1e-5, decoupled decay."""
    optimizer = build_optimizer(adamw, layers)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert (optimizer.defaults["betas"], optimizer.defaults["eps"]) == ((0.9, 0.99), 1e-5)


def test_complex_parameters_do_without_the_fused_kernel() -> None:
    optimizer = build_optimizer(adamw, [[nn.Parameter(torch.zeros(2, 2, dtype=torch.complex64))]])
    assert optimizer.defaults["fused"] is False


@pytest.mark.parametrize(
    "factory",
    [sgd, torch.optim.RMSprop, functools.partial(torch.optim.SGD, lr=0.1, momentum=0.8)],
)
def test_any_torch_optimizer_or_partial_is_a_factory(
    layers: list[list[nn.Parameter]], factory: Any
) -> None:
    assert len(build_optimizer(factory, layers).param_groups) == 4


@pytest.mark.parametrize(
    "factory", [torch.optim.LBFGS, functools.partial(torch.optim.LBFGS, max_iter=3)]
)
def test_an_optimizer_of_one_group_gets_one(layers: list[list[nn.Parameter]], factory: Any) -> None:
    (group,) = build_optimizer(factory, layers).param_groups
    assert len(group["params"]) == 6


def test_ctrl_c_waits_until_the_optimizer_is_made(layers: list[list[nn.Parameter]]) -> None:
    """The first one makes torch import modules that must not stay behind half made."""
    made: list[torch.optim.Optimizer] = []

    def interrupted(groups: Any) -> torch.optim.Optimizer:
        signal.raise_signal(signal.SIGINT)
        made.append(sgd(groups))
        return made[0]

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            build_optimizer(interrupted, layers)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(made) == 1


def test_rates_go_to_their_layers_and_decay_to_weights_alone(
    layers: list[list[nn.Parameter]],
) -> None:
    optimizer = build_optimizer(adamw, layers)
    set_rates(optimizer, [0.1, 0.2], 0.03)
    found = [(g["lr"], g["initial_lr"], g["weight_decay"]) for g in optimizer.param_groups]
    assert found == [(0.1, 0.1, 0.03), (0.1, 0.1, 0.0), (0.2, 0.2, 0.03), (0.2, 0.2, 0.0)]


def test_an_optimizer_without_decay_is_given_none() -> None:
    optimizer = build_optimizer(torch.optim.LBFGS, [list(nn.Linear(2, 1).parameters())])
    set_rates(optimizer, [0.5], 0.1)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert "weight_decay" not in optimizer.param_groups[0]


@pytest.mark.parametrize("decay", [-0.1, float("nan")])
def test_a_decay_that_is_no_number_from_0_is_refused(decay: float) -> None:
    optimizer = build_optimizer(sgd, [list(nn.Linear(2, 1).parameters())])
    expected = f"weight_decay must be a number >= 0; got {decay}."
    assert told(lambda: set_rates(optimizer, [0.5], decay)) == expected


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        (0.1, [0.1, 0.1, 0.1]),
        (1, [1.0, 1.0, 1.0]),
        ([1, 2, 3], [1.0, 2.0, 3.0]),
        (slice(1e-4, 1e-2), [1e-4, 1e-3, 1e-2]),
        (slice(1e-2), [1e-3, 1e-3, 1e-2]),
    ],
)
def test_rates_are_spread_as_in_fastai(lr: Any, expected: list[float]) -> None:
    """fastai's ``lr_range``: slice(lo, hi) by even multiples; slice(hi) is hi / 10 but the last."""
    assert spread_rates(lr, 3) == pytest.approx(expected)


def test_one_layer_group_takes_the_upper_rate() -> None:
    assert spread_rates(slice(1e-4, 1e-2), 1) == [1e-2]


@given(lo=st.floats(1e-8, 1), hi=st.floats(1e-8, 1), n=st.integers(2, 12))
def test_a_slice_ends_at_its_ends_and_multiplies_evenly(lo: float, hi: float, n: int) -> None:
    rates = spread_rates(slice(lo, hi), n)
    assert rates[0] == pytest.approx(lo)
    assert rates[-1] == pytest.approx(hi)
    steps = [b / a for a, b in itertools.pairwise(rates)]
    assert steps == pytest.approx([steps[0]] * (n - 1))


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        (
            [0.1, 0.2],
            "lr has 2 values and the model has 3 layer groups; "
            "give one number, slice(lo, hi), or one number per group.",
        ),
        (-0.1, "learning rates must be numbers >= 0; got [-0.1, -0.1, -0.1]."),
        (float("nan"), "learning rates must be numbers >= 0; got [nan, nan, nan]."),
        (float("inf"), "learning rates must be numbers >= 0; got [inf, inf, inf]."),
        (
            ["a", "b", "c"],
            "lr must be a number such as 1e-3, slice(lo, hi), or one number per layer group; "
            "got ['a', 'b', 'c'].",
        ),
        (
            slice(None),
            "a slice of rates is slice(hi) or slice(lo, hi); got slice(None, None, None).",
        ),
        (slice(1, 2, 3), "a slice of rates is slice(hi) or slice(lo, hi); got slice(1, 2, 3)."),
        (slice(0, 1e-2), "slice(lo, hi) needs rates above 0; got slice(0, 0.01)."),
    ],
)
def test_rates_that_do_not_fit_are_refused(lr: Any, expected: str) -> None:
    assert told(lambda: spread_rates(lr, 3)) == expected
