"""Recorder: a rate and a loss for every step, fetched once a phase."""

import pytest
import torch
from torch import nn

from learnkit.callback import Callback
from learnkit.callbacks.recorder import Recorder
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.schedule import linear
from learnkit.state import SkipBatch, State


@pytest.fixture
def learn() -> Learner:
    drawn = torch.Generator().manual_seed(0)
    x, y = torch.randn(20, 3, generator=drawn), torch.tensor([0, 1] * 10)
    data = DataBunch.from_arrays(x, y, valid=(x, y), batch_size=6)
    return Learner(data, nn.Linear(3, 2), device="cpu")


class Losses(Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def after_loss(self, state: State) -> None:
        if state.training:
            self.seen.append(state.loss.item())


def test_every_step_leaves_its_rate_and_its_loss(learn: Learner) -> None:
    own = Losses()
    learn.fit(2, 0.1, schedule=linear(), callbacks=own, progress=False)
    assert learn.recorder.losses == pytest.approx(own.seen)
    assert learn.recorder.lrs == pytest.approx([0.1 * (1 - n / 8) for n in range(8)])


def test_a_second_fit_starts_afresh(learn: Learner) -> None:
    learn.fit(2, progress=False)
    learn.fit(1, progress=False)
    assert len(learn.recorder.lrs) == len(learn.recorder.losses) == 4


def test_a_fit_that_fails_keeps_what_was_recorded(learn: Learner) -> None:
    class Fail(Callback):
        def before_batch(self, state: State) -> None:
            if state.progress.batches_done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn.fit(1, callbacks=Fail(), progress=False)
    assert len(learn.recorder.lrs) == len(learn.recorder.losses) == 2


def test_a_skipped_batch_leaves_nothing(learn: Learner) -> None:
    class Skip(Callback):
        def after_forward(self, state: State) -> None:
            raise SkipBatch

    learn.fit(1, callbacks=Skip(), progress=False)
    assert (learn.recorder.lrs, learn.recorder.losses) == ([], [])


def test_it_is_a_callback_like_others() -> None:
    recorder = Recorder()
    assert recorder.name == "Recorder"
    assert recorder.state_dict() == {}
