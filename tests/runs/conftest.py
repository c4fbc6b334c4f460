"""Snapshots of a tiny fit, at any point, without a fit."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callbacks.recorder import Recorder
from learnkit.checkpoint import Snapshot
from learnkit.gradients import GradientGroup
from learnkit.history import History
from learnkit.micro_batch import MicroBatches
from learnkit.precision import Plain
from learnkit.progress import Progress
from learnkit.runs.moment import Running, take
from learnkit.state import State

MakeSnapshot = Callable[..., Snapshot]
Row = dict[str, float]


@pytest.fixture(autouse=True)
def never_flushing(no_flushing: None) -> None:
    """In all of these tests."""


@pytest.fixture
def make_snapshot() -> MakeSnapshot:
    """Return a function that makes what `take` would have taken."""

    def make(
        stage: Any = "epoch",
        batches: int = 0,
        *,
        epochs: int = 0,
        rows: Sequence[Row] | None = None,
        losses: Sequence[float] = (),
        weight: float = 0.0,
        **head: Any,
    ) -> Snapshot:
        model = nn.Linear(2, 1)
        with torch.no_grad():
            model.weight.fill_(weight)
            model.bias.zero_()
        progress = Progress(
            epochs_done=epochs,
            batches_seen=batches,
            epochs_planned=4,
            steps_planned=8,
        )
        recorder = Recorder()
        recorder.losses, recorder.lrs = list(losses), [0.1] * len(losses)
        state = State(
            model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), progress=progress
        )
        running = Running(
            state=state,
            precision=Plain("fp32", "cpu"),
            callbacks=[recorder],
            history=History(rows if rows is not None else [{"loss": 1.0}] * epochs),
            group=GradientGroup(state.optimizer),
            micro=MicroBatches("auto"),
        )
        taken = take(running, stage)
        return Snapshot({**head, **taken.document}, taken.parts)

    return make
