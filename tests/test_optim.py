"""Optimizers: which parameters decay, and which rate each depth gets."""

import copy
import functools
import itertools
import pickle
import signal
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from learnkit.callback import Callback
from learnkit.data.bunch import DataBunch
from learnkit.errors import CheckpointError, MissingExtraError
from learnkit.learner import Learner
from learnkit.optim import (
    adamw,
    build_optimizer,
    by_depth,
    keep_momentum,
    kept_momentum,
    layer_decay,
    momentum_of,
    opt,
    put_momentum_back,
    set_momentum,
    set_rates,
    sgd,
    spread_rates,
)
from learnkit.state import State


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


# ---------------------------------------------------------------- rates by depth


def test_layer_decay_is_that_of_timm() -> None:
    """timm's ``param_groups_layer_decay``: layer_decay ** (last - i), at least min_scale."""
    assert spread_rates(layer_decay(1.0), 4) == [0.75**3, 0.75**2, 0.75, 1.0]
    assert spread_rates(layer_decay(0.1, 0.5, lowest=0.2), 4) == [0.1 * 0.2, 0.025, 0.05, 0.1]
    assert spread_rates(layer_decay(0.1), 1) == [0.1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: layer_decay(0.1, 1.5),
            "layer_decay(): decay must be above 0, at most 1, found 1.5.",
        ),
        (
            lambda: layer_decay(0.1, lowest=2),
            "layer_decay(): lowest must be from 0 to 1, found 2.",
        ),
        (lambda: layer_decay(-1.0), "layer_decay(): lr must be a number >= 0, found -1.0."),
        (
            lambda: by_depth(nn.Linear(2, 2)),
            "by_depth splits models of timm, which say what their blocks are; Linear does not. "
            "Give a splitter of your own: model to lists of parameters, early to late.",
        ),
    ],
)
def test_a_decay_that_makes_no_sense_is_refused(call: Any, message: str) -> None:
    assert told(call) == message


def test_rates_by_depth_equal_those_of_timm() -> None:
    """Each parameter gets the scale that timm's own layer-wise decay gives it."""
    from timm import create_model
    from timm.optim import param_groups_layer_decay

    model = create_model("resnet10t", num_classes=2)
    layers = by_depth(model)
    rates = spread_rates(layer_decay(1.0), len(layers))
    mine = {id(p): rate for layer, rate in zip(layers, rates, strict=True) for p in layer}
    theirs = {
        id(p): group["lr_scale"]
        for group in param_groups_layer_decay(model, layer_decay=0.75)
        for p in group["params"]
    }
    assert len(layers) > 4
    assert mine == theirs


def test_a_head_of_learnkits_is_the_last_of_the_blocks() -> None:
    from learnkit import models
    from learnkit.models.transfer import build_cnn

    model = build_cnn(models.timm("resnet10t"), 2, weights=None)
    layers = by_depth(model)
    assert [id(p) for p in layers[-1]] == [id(p) for p in model.head.parameters()]
    flat = [id(p) for layer in layers for p in layer]
    assert sorted(flat) == sorted(id(p) for p in model.parameters())


# ---------------------------------------------------------------- momentum by its names


@pytest.mark.parametrize(
    ("group", "found"),
    [
        ({"momentum": 0.9}, {"momentum": 0.9}),
        ({"betas": (0.8, 0.99)}, {"betas": 0.8}),
        ({"betas": (0.8, 0.9, 0.99), "momentum": 0.5}, {"momentum": 0.5, "betas": 0.8}),
        ({"beta1": None}, {}),
        ({"beta1": 0.7}, {"beta1": 0.7}),
        ({"momentum": 0.0}, {}),
        ({"rho": 0.9}, {}),
    ],
)
def test_momentum_is_found_moved_and_put_back(group: Any, found: dict[str, float]) -> None:
    before = dict(group)
    assert momentum_of(group) == found
    keep_momentum(group)
    assert kept_momentum(group) == found
    for name in found:
        set_momentum(group, name, 0.6)
    assert set(momentum_of(group).values()) <= {0.6}
    put_momentum_back(group)
    assert group == before


# ---------------------------------------------------------------- of timm, by name


@pytest.mark.filterwarnings("ignore:It is highly recommended to have 'opt_einsum'")
def test_an_optimizer_of_timm_is_a_value() -> None:
    lion = opt("lion", betas=(0.9, 0.98))
    assert repr(lion) == "opt('lion', betas=(0.9, 0.98))"
    assert lion == opt("lion", betas=(0.9, 0.98)) != opt("lion")
    assert pickle.loads(pickle.dumps(lion)) == lion
    assert [repr(opt(name)) for name in ("kron", "lamb")] == ["opt('kron')", "opt('lamb')"]


def test_decay_is_told_by_learnkits_groups_alone(layers: list[list[nn.Parameter]]) -> None:
    optimizer = build_optimizer(opt("lamb"), layers)
    set_rates(optimizer, [0.1, 0.2], 0.03)
    found = [(len(g["params"]), g["lr"], g["weight_decay"]) for g in optimizer.param_groups]
    assert found == [(1, 0.1, 0.03), (3, 0.1, 0.0), (1, 0.2, 0.03), (1, 0.2, 0.0)]


def test_a_corrected_decay_is_scaled_by_the_rate_of_the_fit(layers: Any) -> None:
    """timm's adamc decays by lr ** 2 / max_lr; max_lr is what the optimizer was made with."""
    optimizer = build_optimizer(opt("adamc"), layers)
    set_rates(optimizer, [0.1, 0.2], 0.03)
    assert [g["max_lr_snapshot"] for g in optimizer.param_groups] == [0.1, 0.1, 0.2, 0.2]


def test_timms_muon_leaves_the_head_to_adamw(layers: list[list[nn.Parameter]]) -> None:
    optimizer = build_optimizer(opt("muon"), layers)
    assert [g["use_fallback"] for g in optimizer.param_groups] == [False, False, True, True]
    alone = build_optimizer(opt("muon"), layers[:1])
    assert not any(g["use_fallback"] for g in alone.param_groups)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: opt("lyon"),
            ValueError,
            "opt('lyon'): timm has no optimizer of this name. Did you mean 'lion'?",
        ),
        (
            lambda: opt("zzz"),
            ValueError,
            "opt('zzz'): timm has no optimizer of this name. timm.optim.list_optimizers() lists "
            "them.",
        ),
        (
            lambda: opt("lookahead_lyon"),
            ValueError,
            "opt('lookahead_lyon'): timm has no optimizer of this name. Did you mean 'lion'?",
        ),
        (
            lambda: opt("lion", beta=(0.9, 0.9)),
            TypeError,
            "opt('lion') has no argument 'beta'. Did you mean 'betas'?",
        ),
        (
            lambda: opt("sgd", betas=(0.9, 0.9)),
            TypeError,
            "opt('sgd') has no argument 'betas'. It takes: momentum, dampening, nesterov, "
            "maximize, foreach, differentiable, fused.",
        ),
        (
            lambda: opt("lion", lr=0.1),
            TypeError,
            "opt('lion'): lr is an argument of fit, not of the optimizer.",
        ),
        (
            lambda: opt("adahessian"),
            ValueError,
            "opt('adahessian'): it needs gradients of gradients, which a fit does not compute.",
        ),
        (
            lambda: opt("lion", betas=(2.0, 0.9)),
            ValueError,
            "opt('lion', betas=(2.0, 0.9)) cannot be built here: "
            "Invalid beta parameter at index 0: 2.0",
        ),
    ],
)
def test_a_wrong_name_or_option_fails_at_once(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_a_missing_timm_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setitem(sys.modules, "timm.optim", None)
    with pytest.raises(MissingExtraError) as caught:
        opt("lion")
    assert str(caught.value) == (
        "opt() needs the package timm, which is not installed. Install it with: "
        'pip install "timm>=1.0.12"'
    )


def test_an_old_timm_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm.optim", types.ModuleType("timm.optim"))
    with pytest.raises(MissingExtraError) as caught:
        opt("lion")
    assert str(caught.value) == (
        'opt() needs timm 1.0.12 or newer. Install it with: pip install "timm>=1.0.12"'
    )


# ---------------------------------------------------------------- Muon of torch

muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has it from 2.9 on")


@muon
def test_torchs_muon_gets_the_bodys_matrices_and_adamw_the_rest() -> None:
    body, head = nn.Linear(3, 4), nn.Linear(4, 2)
    layers = [list(body.parameters()), list(head.parameters())]
    optimizer = build_optimizer(torch.optim.Muon, layers)
    set_rates(optimizer, [0.1, 0.2], 0.03)
    found = [
        (g["matrix"], g["layer"], [tuple(p.shape) for p in g["params"]], g["lr"], g["weight_decay"])
        for g in optimizer.param_groups
    ]
    assert found == [
        (True, 0, [(4, 3)], 0.1, 0.03),
        (False, 0, [(4,)], 0.1, 0.0),
        (False, 1, [(2, 4)], 0.2, 0.03),
        (False, 1, [(2,)], 0.2, 0.0),
    ]


@muon
def test_each_part_steps_as_it_would_alone() -> None:
    def weights() -> list[nn.Parameter]:
        drawn = torch.Generator().manual_seed(0)
        made = [nn.Parameter(torch.randn(4, 3, generator=drawn)), nn.Parameter(torch.ones(4))]
        for p in made:
            p.grad = torch.randn(p.shape, generator=drawn)
        return made

    ours, theirs = weights(), weights()
    optimizer = build_optimizer(torch.optim.Muon, [ours])
    set_rates(optimizer, [0.1], 0.03)
    alone = [
        torch.optim.Muon(theirs[:1], lr=0.1, weight_decay=0.03, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(theirs[1:], lr=0.1, weight_decay=0.0, betas=(0.9, 0.99), eps=1e-5),
    ]
    for each in (optimizer, *alone):
        for _ in range(3):
            each.step()
    torch.testing.assert_close(ours[0], theirs[0], rtol=0, atol=0)
    torch.testing.assert_close(ours[1], theirs[1])
    assert optimizer.defaults["muon_adjust_lr_fn"] == "match_rms_adamw"


@muon
def test_muons_two_optimizers_still_share_all_after_loading_and_copying() -> None:
    model = nn.Linear(3, 4)
    optimizer = build_optimizer(torch.optim.Muon, [list(model.parameters())])
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for changed in (optimizer, copy.deepcopy(optimizer)):
        for group in changed.param_groups:
            group["lr"] = 0.0
        own = [p for group in changed.param_groups for p in group["params"]]
        before = [p.detach().clone() for p in own]
        for p in own:  # a copy has none
            p.grad = torch.ones_like(p)
        changed.step()
        assert all(torch.equal(a, b) for a, b in zip(before, own, strict=True))
        assert float(changed.state[own[1]]["step"]) == 2


def test_l_bfgs_gets_its_parameters_row_by_row() -> None:
    """It lays them end to end by ``view``, which fails on kernels in channels-last order."""
    conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    build_optimizer(torch.optim.LBFGS, [list(conv.parameters())])
    assert conv.weight.is_contiguous()


# ---------------------------------------------------------------- through a learner

NAMES = (
    *("SGD", "RMSprop", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta"),
    *("ASGD", "Rprop", "LBFGS", "Muon"),
)
TORCH: dict[str, Any] = {
    name: getattr(torch.optim, name) for name in NAMES if hasattr(torch.optim, name)
}
TORCH["nesterov"] = functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True)
TIMM = ("lion", "adan", "lamb", "madgrad", "kron", "muon", "adafactor", "lookahead_lion", "lars")


def small_net() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        conv = nn.Sequential(
            nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
        )
        return nn.Sequential(conv, nn.Linear(16, 6), nn.Tanh(), nn.Linear(6, 2))


def small_learner(factory: Any, folder: Path) -> Learner:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(15, 2, 4, 4, generator=drawn)
    y = (x.sum((1, 2, 3)) > 0).long()
    data = DataBunch.from_arrays(x, y, valid=(x, y), classes=[0, 1], batch_size=5)
    return Learner(
        data,
        small_net(),
        opt_func=factory,
        splitter=lambda net: [list(part.parameters()) for part in net if list(part.parameters())],
        device="cpu",
        precision="fp32",
        path=folder,
    )


class Killed(Exception):
    """What ends a fit."""


class Kill(Callback):
    """End the fit after its fourth batch."""

    looks_on = True

    def after_batch(self, state: State) -> None:
        if state.training and state.progress.batches_seen == 4:
            raise Killed


@pytest.mark.filterwarnings("ignore:It is highly recommended to have 'opt_einsum'")
@pytest.mark.parametrize("name", [*TORCH, *TIMM])
def test_every_optimizer_trains_and_resumes_to_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_flushing: None
) -> None:
    """In one cycle, as that moves the momentum, whatever it is called."""
    monkeypatch.setattr("timm.optim.kron.has_dynamo", False)  # compiling takes a minute
    factory = TORCH[name] if name in TORCH else opt(name)

    def fit(folder: str | None, *callbacks: Callback) -> Learner:
        learn = small_learner(factory, tmp_path)
        learn.fit_one_cycle(
            2,
            slice(1e-3, 1e-2) if name != "LBFGS" else 0.1,
            progress=False,
            checkpoint=folder,
            every_steps=1,
            callbacks=callbacks,
        )
        return learn

    whole = fit(None)
    began = small_net().state_dict()
    moved = [n for n, v in whole.model.named_parameters() if not torch.equal(v, began[n])]
    assert len(moved) == len(list(whole.model.parameters()))
    with pytest.raises(Killed):
        fit("run", Kill())
    resumed = fit("run")
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key
    settings = [
        [{k: v for k, v in g.items() if k != "params"} for g in one.optimizer.param_groups]
        for one in (whole, resumed)
    ]
    assert settings[0] == settings[1]


def test_sparse_adam_trains_what_is_sparse() -> None:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.EmbeddingBag(10, 2, sparse=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.words(x)

    x = torch.arange(60).reshape(20, 3) % 10
    data = DataBunch.from_arrays(x, (x[:, 0] > 4).long(), classes=[0, 1], batch_size=5)
    learn = Learner(data, Bag(), opt_func=torch.optim.SparseAdam, device="cpu")
    losses = [row["train_loss"] for row in learn.fit(4, 0.1, progress=False)]
    assert losses[-1] < losses[0]


def test_another_decay_by_depth_is_another_fit(tmp_path: Path, no_flushing: None) -> None:
    learn = small_learner(sgd, tmp_path)
    learn.fit(1, layer_decay(1e-3, 0.5), progress=False, checkpoint="run")
    assert [g["initial_lr"] for g in learn.optimizer.param_groups] == pytest.approx(
        [2.5e-4, 2.5e-4, 5e-4, 5e-4, 1e-3, 1e-3]
    )
    other = small_learner(sgd, tmp_path)
    with pytest.raises(CheckpointError, match=r"schedule\.lr"):
        other.fit(1, layer_decay(1e-3, 0.6), progress=False, checkpoint="run")
