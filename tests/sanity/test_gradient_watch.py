"""GradientWatch: weights that no gradient reaches, and those that only seem so."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from learnkit.sanity.gradients import GradientWatch, watched_weights

Forward = Callable[[nn.Module, Tensor], Tensor]


class Net(nn.Module):
    """Three layers, put together by ``forward_by``."""

    def __init__(self, forward_by: Forward) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.three = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.forward_by = forward_by

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_by(self, x)


def healthy(net: Any, x: Tensor) -> Tensor:
    out: Tensor = net.three(torch.relu(net.two(torch.relu(net.one(x)))))
    return out


def train(
    model: nn.Module,
    steps: int,
    *,
    watch: GradientWatch | None = None,
    first: int = 1,
    loss_of: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    optimizer: torch.optim.Optimizer | None = None,
) -> tuple[GradientWatch, torch.optim.Optimizer]:
    """Take steps, and let the watch look at those that are due."""
    watch = watch or GradientWatch()
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    drawn = torch.Generator().manual_seed(first)
    for step in range(first, first + steps):
        x, y = torch.randn(8, 4, generator=drawn), torch.randint(0, 2, (8,), generator=drawn)
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        if step >= watch.due:
            watch.look(step, model, optimizer, loss)
        optimizer.step()
    return watch, optimizer


def found(model: nn.Module, steps: int = 9, **options: Any) -> str | None:
    watch, optimizer = train(model, steps, **options)
    return watch.finding(model, optimizer)


def line(names: str, step: int = 2) -> str:
    return (
        f"no gradient reached {names} in 8 steps from step {step} on, so nothing is learned there. "
        "Look for units that are dead (a ReLU whose inputs are all negative), for detach() or "
        "no_grad(), and for a layer that forward() leaves out."
    )


def test_a_healthy_net_has_none() -> None:
    assert found(Net(healthy), 100) is None


def test_layers_behind_dead_units_are_named() -> None:
    net = Net(lambda net, x: net.three(torch.relu(net.two(torch.relu(net.one(x))) - 1e6)))
    assert found(net) == line("one.weight, two.weight and three.weight")


def test_a_layer_that_forward_leaves_out_is_named() -> None:
    net = Net(lambda net, x: net.three(torch.relu(net.one(x))))
    assert found(net) == line("two.weight")


def test_what_a_detach_cuts_off_is_named() -> None:
    net = Net(lambda net, x: net.three(torch.relu(net.two(net.one(x).detach()))))
    assert found(net) == line("one.weight")


def test_it_is_said_once() -> None:
    net = Net(lambda net, x: net.three(net.one(x)))
    watch, optimizer = train(net, 9)
    assert watch.finding(net, optimizer) is not None
    assert watch.finding(net, optimizer) is None


def test_fewer_than_eight_looks_say_nothing() -> None:
    net = Net(lambda net, x: net.three(net.one(x)))
    assert found(net, 8) is None


def test_a_layer_that_is_used_now_and_then_is_none() -> None:
    calls = iter(range(1000))

    def forward(net: Any, x: Tensor) -> Tensor:
        out: Tensor = net.three(net.two(net.one(x)) if next(calls) % 7 == 0 else net.one(x))
        return out

    assert found(Net(forward), 300) is None


def test_a_branch_that_starts_at_zero_is_none() -> None:
    """As the last norm of a residual block does: behind it there is no gradient at first."""
    net = Net(lambda net, x: net.three(torch.relu(net.one(x)) + net.two(torch.relu(net.one(x)))))
    nn.init.zeros_(net.two.weight)
    nn.init.zeros_(net.two.bias)
    assert found(net) is None


def test_biases_before_a_norm_are_none() -> None:
    """Their gradient is zero by nature; what is not exactly zero of it is rounding."""
    net = nn.Sequential(nn.Linear(4, 1), nn.BatchNorm1d(1), nn.ReLU(), nn.Linear(1, 2))
    assert "0.bias" not in str(found(net))


def test_a_frozen_layer_is_none() -> None:
    net = Net(lambda net, x: net.three(net.one(x)))
    net.two.requires_grad_(False)
    assert found(net) is None


def test_a_layer_frozen_amid_the_looks_is_none() -> None:
    net = Net(healthy)
    watch, optimizer = train(net, 5)
    net.two.requires_grad_(False)
    watch, optimizer = train(net, 4, watch=watch, first=6, optimizer=optimizer)
    assert watch.finding(net, optimizer) is None


def test_nothing_is_left_to_learn_from_a_loss_of_zero() -> None:
    assert found(Net(healthy), loss_of=lambda preds, y: torch.relu(preds.sum() * 0 - 1)) is None
    dead = found(Net(healthy), loss_of=lambda preds, y: torch.relu(preds.sum() * 0 - 1) + 1)
    assert dead == line("one.weight, two.weight and three.weight")


def test_rows_of_an_embedding_are_none_dense_or_sparse() -> None:
    class Words(nn.Module):
        def __init__(self, *, sparse: bool) -> None:
            super().__init__()
            self.words, self.last = nn.Embedding(50, 4, sparse=sparse), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.last(self.words(torch.zeros(len(x), dtype=torch.long)))
            return out

    assert found(Words(sparse=False)) is None
    assert found(Words(sparse=True)) is None


def test_gradients_that_are_nan_are_for_others_to_find() -> None:
    assert found(Net(healthy), loss_of=lambda preds, y: preds.sum() * float("nan")) is None


def test_a_layer_that_dies_later_is_found_in_a_later_look() -> None:
    net = Net(healthy)
    watch, optimizer = train(net, 40)
    assert watch.finding(net, optimizer) is None
    net.forward_by = lambda net, x: net.three(torch.relu(net.two(net.one(x)) * 0))
    train(net, 40, watch=watch, first=41, optimizer=optimizer)
    assert watch.finding(net, optimizer) == line("one.weight, two.weight and three.weight", 64)


def test_a_weight_that_the_model_does_not_have_is_named_by_its_shape() -> None:
    net, other = Net(healthy), nn.Linear(3, 5)
    optimizer = torch.optim.SGD([*net.parameters(), *other.parameters()], lr=0.1)
    assert found(net, optimizer=optimizer) == line(
        "a weight (5, 3) outside the model and a weight (5,) outside the model"
    )


def test_few_steps_are_looked_at() -> None:
    net = Net(healthy)
    _, optimizer = train(net, 1)
    loss = functional.cross_entropy(net(torch.randn(8, 4)), torch.zeros(8, dtype=torch.long))
    loss.backward()
    watch, looked = GradientWatch(), []
    for step in range(1, 5000):
        if step >= watch.due:
            watch.look(step, net, optimizer, loss)
            looked.append(step)
    windows = [range(n, n + 8) for n in (2, 16, 64, 256, 1024, 4096)]
    assert looked == [step for window in windows for step in window]


def test_an_optimizer_without_weights_that_train_is_not_looked_at_again() -> None:
    net = Net(healthy)
    optimizer = torch.optim.SGD([net.one.bias], lr=0.1)
    assert watched_weights(net, optimizer) == []
    watch, _ = train(net, 3, optimizer=optimizer)
    assert watch.due == float("inf")
    assert watch.state_dict() == {"due": None, "open": None, "whole": None}


def test_looking_reads_nothing_from_the_device() -> None:
    class Reads(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.count += func is torch.ops.aten._local_scalar_dense.default
            return func(*args, **(kwargs or {}))

    net = Net(healthy)
    _, optimizer = train(net, 1)
    loss = functional.cross_entropy(net(torch.randn(8, 4)), torch.zeros(8, dtype=torch.long))
    loss.backward()
    with Reads() as reads:
        GradientWatch().look(2, net, optimizer, loss)
        assert reads.count == 0
        loss.item()
        assert reads.count == 1


@pytest.mark.parametrize("cut", [1, 4, 9, 12, 20])
def test_going_on_from_its_state_is_as_if_it_had_never_stopped(cut: int) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        out: Tensor = net.three(net.one(x))
        return out

    net = Net(forward)
    first, optimizer = train(net, cut)
    second = GradientWatch()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state_dict() == first.state_dict()
    train(net, 23 - cut, watch=second, first=cut + 1, optimizer=optimizer)
    assert second.finding(net, optimizer) == line("two.weight", 16)
