"""What a fit must leave as it was: each kind is seen, and named."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from learnkit.learner import Learner
from learnkit.testing.surroundings import changed, surroundings
from learnkit.testing.tiny import tiny_learner


def replaced(learn: Learner) -> None:
    learn.model[1][1] = nn.Bilinear(6, 6, 2)  # type: ignore[index]


def patched(learn: Learner) -> None:
    learn.model.forward = lambda x: x  # type: ignore[method-assign]


CHANGES: dict[str, tuple[Callable[[Learner], Any], str]] = {
    "mode": (lambda learn: learn.model.train(), "mode of the model was 'eval' and is 'training'"),
    "hooks": (
        lambda learn: learn.model.register_forward_pre_hook(lambda module, args: None),
        "hooks of the model, _forward_pre_hooks was 0 and is 1",
    ),
    "tensor hooks": (
        lambda learn: next(learn.model.parameters()).register_hook(lambda grad: None),
        "hooks of tensor 0.0.weight was 0 and is 1",
    ),
    "optimizer hooks": (
        lambda learn: learn.optimizer.register_step_pre_hook(lambda *given: None),
        "hooks of optimizer pre-step was 0 and is 1",
    ),
    "requires_grad": (
        lambda learn: learn.freeze(),
        "requires_grad of 0.0.weight was True and is False",
    ),
    "module": (replaced, "module of 1.1 was 'Linear' and is 'Bilinear'"),
    "forward": (
        patched,
        "attribute of the model.forward was 'not there' and is 'function'",
    ),
    "attribute": (
        lambda learn: setattr(learn.model[0][1], "momentum", 0.5),  # type: ignore[index]
        "attribute of 0.1.momentum was 0.1 and is 0.5",
    ),
    "tensor": (
        lambda learn: learn.model[0].double(),  # type: ignore[index,operator]
        "tensor of 0.0.weight was ((6, 4), 'torch.float32') and is ((6, 4), 'torch.float64')",
    ),
    "torch's generator": (lambda learn: torch.rand(3), "generator of torch was "),
    "numpy's": (lambda learn: np.random.rand(), "generator of numpy.random was "),
    "Python's": (lambda learn: random.random(), "generator of random was "),
    "a group's constant": (
        lambda learn: learn.optimizer.param_groups[0].update(eps=0.5),
        "optimizer of group 0, eps was 1e-05 and is 0.5",
    ),
    "a group's key": (
        lambda learn: learn.optimizer.param_groups[0].update(mine=1),
        "optimizer of group 0, its keys was ",
    ),
    "matmul": (
        lambda learn: torch.set_float32_matmul_precision("medium"),
        "torch of float32 matmul precision was 'highest' and is 'medium'",
    ),
    "cudnn": (
        lambda learn: setattr(torch.backends.cudnn, "benchmark", True),
        "torch of cudnn.benchmark was False and is True",
    ),
}


@pytest.fixture(autouse=True)
def _flags() -> Iterator[None]:
    precision, benchmark = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    states = np.random.get_state(), random.getstate()
    yield
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.benchmark = benchmark
    np.random.set_state(states[0])
    random.setstate(states[1])


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named(name: str) -> None:
    change, words = CHANGES[name]
    learn = tiny_learner()
    learn.model.eval()
    before = surroundings(learn)
    assert changed(before, surroundings(learn), but=()) is None
    change(learn)
    told = changed(before, surroundings(learn), but=())
    assert told is not None
    assert told.startswith(words)


def test_training_changes_none_of_it() -> None:
    learn = tiny_learner()
    learn.model.eval()
    before = surroundings(learn)
    learn.fit(2, progress=False)
    assert changed(before, surroundings(learn), but=()) is None


def test_a_kind_may_be_left_out() -> None:
    learn = tiny_learner()
    before = surroundings(learn)
    learn.freeze()
    assert changed(before, surroundings(learn), but=["requires_grad"]) is None
