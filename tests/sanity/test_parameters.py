"""What an optimizer holds and lacks, and frozen weights that move."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from learnkit.sanity.parameters import FrozenWeights, missing_weights


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def sgd(parameters: Iterable[nn.Parameter], **options: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, **options)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    functional.cross_entropy(model(torch.randn(8, 3)), torch.tensor([0, 1] * 4)).backward()
    optimizer.step()
    optimizer.zero_grad()


def test_an_optimizer_of_all_parameters_lacks_none(model: nn.Sequential) -> None:
    assert missing_weights(model, sgd(model.parameters())) is None


def test_frozen_parameters_may_be_in_it_or_not(model: nn.Sequential) -> None:
    model[0].requires_grad_(False)
    assert missing_weights(model, sgd(model.parameters())) is None
    assert missing_weights(model, sgd(model[2].parameters())) is None


def test_a_layer_that_trains_and_is_not_in_it_is_named(model: nn.Sequential) -> None:
    assert missing_weights(model, sgd(model[2].parameters())) == (
        "the optimizer never moves 0.weight and 0.bias, which the model has set to train. Name "
        "every parameter that is to train in splitter=, or freeze the others."
    )


def test_a_layer_replaced_after_it_was_made_is_named(model: nn.Sequential) -> None:
    optimizer = sgd(model.parameters())
    model[2] = nn.Linear(4, 3)
    assert missing_weights(model, optimizer) == (
        "the optimizer never moves 2.weight and 2.bias, which the model has set to train. It still "
        "holds 2 that the model has no more, as after a layer was replaced: make the Learner "
        "again, or replace layers before the first fit."
    )


def test_parameters_of_a_loss_may_be_in_it(model: nn.Sequential) -> None:
    other = nn.Linear(2, 2)
    assert missing_weights(model, sgd([*model.parameters(), *other.parameters()])) is None


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, torch.optim.Adam])
def test_optimizers_of_torch_leave_frozen_weights_alone(model: nn.Sequential, kind: Any) -> None:
    optimizer = kind(model.parameters(), lr=0.1, weight_decay=0.1)
    step(model, optimizer)  # so that there is momentum
    model[0].requires_grad_(False)
    frozen = FrozenWeights(model, optimizer)
    step(model, optimizer)
    assert frozen.finding() is None


class Decaying(torch.optim.SGD):
    """Shrinks all of its parameters, those without a gradient too."""

    def step(self, closure: Any = None) -> Any:
        super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.mul_(0.99)


def test_an_optimizer_that_moves_them_is_told_on(model: nn.Sequential) -> None:
    optimizer = Decaying(model.parameters(), lr=0.1)
    model[0].requires_grad_(False)
    frozen = FrozenWeights(model, optimizer)
    assert frozen.finding() is None
    step(model, optimizer)
    assert frozen.finding() == (
        "frozen weights have moved: 0.weight and 0.bias. An optimizer must pass by parameters "
        "whose grad is None, as those of torch.optim do; see to that in opt_func=, or keep frozen "
        "parameters out of it by splitter=."
    )


def test_weights_that_were_unfrozen_since_may_move(model: nn.Sequential) -> None:
    optimizer = sgd(model.parameters())
    model[0].requires_grad_(False)
    frozen = FrozenWeights(model, optimizer)
    model[0].requires_grad_(True)
    with torch.no_grad():
        model[0].weight += 1
    assert frozen.finding() is None


def test_a_weight_that_is_nan_stays_nan(model: nn.Sequential) -> None:
    nn.init.constant_(model[0].weight, float("nan"))
    model[0].requires_grad_(False)
    assert FrozenWeights(model, sgd(model.parameters())).finding() is None
