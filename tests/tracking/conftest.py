"""A hand-made State of a fit that is about to begin."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from learnkit.progress import Progress
from learnkit.state import State


@pytest.fixture(autouse=True)
def never_flushing(no_flushing: None) -> None:
    """In all of these tests."""


@pytest.fixture
def make_state() -> Callable[[], State]:
    """Return a function that makes one."""

    def make() -> State:
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        return State(
            model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            progress=Progress(epochs_planned=2, steps_planned=8),
        )

    return make
