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


def test_every_epoch_of_every_fit_is_known_by_its_key_and_first_batch(learn: Learner) -> None:
    learn.fit(2, progress=False)
    learn.fit(1, progress=False)
    assert learn.recorder.epochs == [(0, 0), (1, 4), (2, 8)]


def test_its_state_is_all_that_it_recorded_and_asking_changes_nothing(learn: Learner) -> None:
    class Asking(Callback):
        def after_batch(self, state: State) -> None:
            learn.recorder.state_dict()

    own = Losses()
    learn.fit(1, callbacks=[own, Asking()], progress=False)
    assert learn.recorder.losses == own.seen
    saved = learn.recorder.state_dict()
    assert {name: value.tolist() for name, value in saved.items()} == {
        "lrs": learn.recorder.lrs,
        "losses": own.seen,
        "epochs": [[0, 0]],
    }
    other = Recorder()
    other.load_state_dict(saved)
    assert (other.lrs, other.losses, other.epochs) == (learn.recorder.lrs, own.seen, [(0, 0)])


def test_it_has_a_state_before_the_first_fit_too() -> None:
    recorder = Recorder()
    assert recorder.name == "Recorder"
    assert {name: value.tolist() for name, value in recorder.state_dict().items()} == {
        "lrs": [],
        "losses": [],
        "epochs": [],
    }
