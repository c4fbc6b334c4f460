"""A hand-made State, and a way to walk a callback through epochs without the loop."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callback import Callback
from learnkit.progress import Progress
from learnkit.state import State

DIRECTIONS = {"train_loss": False, "valid_loss": False, "accuracy": True}

MakeState = Callable[..., State]
RunEpochs = Callable[[Callback, State, Sequence[Mapping[str, float]]], None]


@pytest.fixture
def make_state() -> MakeState:
    """Return a function that makes the state of a fit about to begin."""

    def make(
        *,
        directions: Mapping[str, bool | None] = DIRECTIONS,
        lr: float = 0.1,
        epochs: int = 5,
        steps: int = 20,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
        **options: Any,
    ) -> State:
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        return State(
            model,
            optimizer=optimizer(model.parameters(), lr=lr, **options),
            higher_is_better=directions,
            progress=Progress(epochs_planned=epochs, steps_planned=steps),
        )

    return make


@pytest.fixture
def run_epochs() -> RunEpochs:
    """Return a function that shows a callback these rows, one epoch each, until it stops."""

    def run(callback: Callback, state: State, rows: Sequence[Mapping[str, float]]) -> None:
        for row in rows:
            state.metrics = {}
            callback.before_epoch(state)
            state.metrics = dict(row)
            callback.after_epoch(state)
            state.progress.epochs_done += 1
            if state.stop_reason is not None:
                break

    return run
