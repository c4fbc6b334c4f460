"""Several optimizers that look like one."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.optim import adamw, build_optimizer, set_rates, sgd
from learnkit.optim.game import GameAdam
from learnkit.optim.joined import Joined, JoinedOptimizer, joined


def layers(n: int = 3) -> list[list[nn.Parameter]]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [list(nn.Linear(3, 4).parameters()) for _ in range(n)]


def give_gradients(groups: list[list[nn.Parameter]], seed: int = 1) -> None:
    drawn = torch.Generator().manual_seed(seed)
    for group in groups:
        for p in group:
            p.grad = torch.randn(p.shape, generator=drawn)


def test_each_layer_group_steps_as_its_own_optimizer_would_alone() -> None:
    ours, theirs = layers(), layers()
    optimizer = build_optimizer(joined(sgd, adamw), ours)
    alone = [build_optimizer(sgd, theirs[:1]), build_optimizer(adamw, theirs[1:])]
    set_rates(optimizer, [0.1, 0.01, 0.02], 0.03)
    set_rates(alone[0], [0.1], 0.03)
    set_rates(alone[1], [0.01, 0.02], 0.03)
    for step in range(3):
        give_gradients(ours, step)
        give_gradients(theirs, step)
        for each in (optimizer, *alone):
            each.step()
    for mine, other in zip(ours, theirs, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, other, strict=True))


def test_parameters_without_a_gradient_stay_with_their_whole_state() -> None:
    groups = layers(2)
    optimizer = build_optimizer(joined(adamw, adamw), groups)
    give_gradients(groups[:1])
    before = [p.detach().clone() for p in groups[1]]
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, groups[1], strict=True))
    assert {id(p) for p in optimizer.state} == {id(p) for p in groups[0]}


def test_they_still_share_all_after_loading_and_copying() -> None:
    groups = layers(2)
    optimizer = build_optimizer(joined(sgd, adamw), groups)
    give_gradients(groups)
    optimizer.step()
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for changed in (optimizer, copy.deepcopy(optimizer)):
        own = [p for group in changed.param_groups for p in group["params"]]
        for group in changed.param_groups:
            group["lr"] = 0.0
        kept = [p.detach().clone() for p in own]
        for p in own:
            p.grad = torch.ones_like(p)
        changed.step()
        assert all(torch.equal(a, b) for a, b in zip(kept, own, strict=True))
        assert float(changed.state[own[-1]]["step"]) == 2
        assert "momentum_buffer" in changed.state[own[0]]


def test_the_last_factory_takes_all_layers_that_follow() -> None:
    optimizer = build_optimizer(joined(sgd, adamw), layers(4))
    assert isinstance(optimizer, JoinedOptimizer)
    names = [(type(o).__name__, {g["layer"] for g in o.param_groups}) for o in optimizer._inner]
    assert names == [("SGD", {0}), ("AdamW", {1, 2, 3})]


def test_a_factory_of_many_can_be_compared() -> None:
    assert joined(sgd, adamw) == Joined((sgd, adamw)) != joined(adamw, sgd)


@pytest.mark.parametrize(
    ("factories", "found"), [((), "nothing"), ((sgd, 3), f"{sgd!r}, 3")], ids=["none", "number"]
)
def test_what_makes_no_optimizer_is_refused(factories: Any, found: str) -> None:
    with pytest.raises(TypeError) as caught:
        joined(*factories)
    assert str(caught.value) == (
        "joined() takes what makes an optimizer from parameter groups, one for each layer group, "
        f"such as joined(sgd, adamw); got {found}."
    )


def test_an_optimizer_that_computes_the_loss_itself_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        build_optimizer(joined(torch.optim.LBFGS, sgd), [layers(1)[0][:1], layers(1)[0]])
    assert str(caught.value) == (
        "L-BFGS computes the loss itself within a step, so it cannot be joined with other "
        "optimizers; train with it alone."
    )


def test_the_optimizer_of_games_decays_nothing() -> None:
    optimizer = build_optimizer(GameAdam((0.0, 0.9)), layers(2))
    set_rates(optimizer, [0.1, 0.2], 0.5)
    assert {g["weight_decay"] for g in optimizer.param_groups} == {0.0}
    assert {g["betas"] for g in optimizer.param_groups} == {(0.0, 0.9)}
