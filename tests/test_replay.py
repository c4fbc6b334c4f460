"""Replay and Capture: one batch, with all that was computed of it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from learnkit.replay import Capture, Replay
from learnkit.state import Phase, State
from learnkit.types import Batch

BATCH = Batch(torch.zeros(3, 2), torch.tensor([0, 1, 0]))
FILES = ("a.jpg", "b.jpg", "c.jpg")


def test_a_replay_says_in_a_line_what_it_is() -> None:
    known = Replay(7, 2, FILES, BATCH, torch.zeros(3, 2), torch.ones(3), 0.123456, {})
    assert str(known) == repr(known) == "batch 7 in epoch 2, 3 samples, loss 0.1235"
    unknown = Replay(7, 2, FILES, BATCH)
    assert str(unknown) == (
        "batch 7 in epoch 2, 3 samples; its weights are not stored, so there is no loss"
    )


def test_the_worst_samples_come_first_and_nan_above_all() -> None:
    losses = torch.tensor([0.5, math.nan, math.inf])
    found = Replay(0, 1, FILES, BATCH, torch.zeros(3, 2), losses, math.nan, {}).worst
    assert [name for name, _ in found] == ["b.jpg", "c.jpg", "a.jpg"]
    assert math.isnan(found[0][1])
    assert found[1:] == [("c.jpg", math.inf), ("a.jpg", 0.5)]
    assert Replay(0, 1, FILES, BATCH).worst == []


class Walk:
    """Show a callback the events of some training batches, of which each may make a step."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.model = nn.Linear(2, 2)
        self.state = State(self.model, optimizer=torch.optim.SGD(self.model.parameters(), lr=0.1))
        self.state.progress.epochs_before, self.state.progress.epochs_done = 2, 1
        self.state.open_phase(Phase.TRAIN, batches=9)

    def batch(self, *, steps: bool = True, skipped: bool = False) -> Any:
        state, capture = self.state, self.capture
        state.progress.batches_seen += 1
        number = float(state.progress.batches_seen)
        state.open_batch(Batch(torch.full((3, 2), number), torch.ones(3)), np.array([4, 5, 6]))
        if not skipped:
            state.preds = self.model(state.batch.x)
            state.loss = state.preds.mean()
            capture.after_loss(state)
            state.loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
            if steps:
                capture.before_step(state)
                state.optimizer.zero_grad()
        expected = None if skipped else (state.batch.x, state.preds, state.loss.item())
        capture.after_batch(state)
        state.close_batch()
        return expected


def test_it_notes_its_batch_alone_and_ends_the_fit() -> None:
    capture = Capture(1)
    walk = Walk(capture)
    walk.batch()
    assert (capture.seen, capture.gradients, walk.state.stop_reason) == (None, {}, None)
    x, preds, loss = walk.batch()
    assert capture.seen is not None
    batch, seen_preds, seen_loss = capture.seen
    assert torch.equal(batch.x, x)
    assert torch.equal(seen_preds, preds.detach())
    assert not seen_preds.requires_grad
    assert seen_loss == loss
    assert (capture.indices, capture.epoch) == ([4, 5, 6], 4)
    assert sorted(capture.gradients) == ["bias", "weight"]
    assert walk.state.stop_reason == "replayed"


def test_what_it_noted_does_not_change_with_the_batch() -> None:
    capture = Capture(0)
    walk = Walk(capture)
    x, preds, _ = walk.batch()
    x.fill_(9.0)
    preds.detach().fill_(9.0)
    assert capture.seen is not None
    assert capture.seen[0].x.tolist() == [[1.0, 1.0]] * 3
    assert not (capture.seen[1] == 9.0).any()


def test_a_batch_that_no_step_follows_has_the_gradients_of_its_group_so_far() -> None:
    capture = Capture(1)
    walk = Walk(capture)
    walk.batch(steps=False)
    walk.batch(steps=False)
    weight: Any = walk.model.weight
    assert torch.equal(capture.gradients["weight"], weight.grad)


def test_a_batch_that_was_skipped_leaves_nothing() -> None:
    capture = Capture(0)
    walk = Walk(capture)
    walk.batch(skipped=True)
    assert capture.seen is None
    assert walk.state.stop_reason == "replayed"


def test_validation_is_none_of_its_business() -> None:
    capture = Capture(0)
    walk = Walk(capture)
    walk.state.progress.batches_seen = 0
    walk.state.open_phase(Phase.VALID, batches=1)
    walk.batch()
    assert capture.seen is None


@pytest.mark.parametrize("x", [{"photo": torch.zeros(3, 2)}, [1, 2, 3]])
def test_what_is_no_tensor_is_kept_as_it_is(x: Any) -> None:
    capture = Capture(0)
    walk = Walk(capture)
    walk.state.progress.batches_seen = 1
    walk.state.open_batch(Batch(x, torch.ones(3)), np.arange(3))
    walk.state.preds, walk.state.loss = torch.zeros(3, 2), torch.tensor(0.5)
    capture.after_loss(walk.state)
    capture.after_batch(walk.state)
    assert capture.seen is not None
    assert capture.seen[0].x is x
