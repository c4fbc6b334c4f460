"""OverfitOneBatch: every step sees the first batch."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit.callbacks.batches.overfit_one_batch import OverfitOneBatch
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.sanity.names import CHECKS
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def noisy_learner(model: nn.Module) -> Learner:
    """A learner whose training batches are changed at random each time."""
    given = tiny_learner().data
    data = DataBunch.from_dls(
        given.train_dl, given.valid_dl, classes=[0, 1], tfms=[lambda x: x + torch.randn_like(x)]
    )
    return Learner(data, model, device="cpu", precision="fp32", mute=CHECKS)  # type: ignore[arg-type]


def test_every_step_has_the_first_batch_as_it_was_augmented() -> None:
    learn, seen = noisy_learner(nn.Linear(4, 2)), []
    look = LambdaCallback(
        before_batch=lambda s: seen.append((s.training, s.batch.x.clone(), s.batch.y.clone()))
    )
    learn.fit(2, 0.1, callbacks=[OverfitOneBatch(), look], progress=False)
    train = [(x, y) for training, x, y in seen if training]
    assert [len(x) for x, _ in train] == [4, 4, 4, 2] * 2
    for x, y in train:
        assert torch.equal(x, train[0][0][: len(x)])
        assert torch.equal(y, train[0][1][: len(y)])
    valid = [x for training, x, _ in seen if not training]
    assert [len(x) for x in valid] == [4, 2] * 2
    assert not torch.equal(valid[0], train[0][0])


def test_a_model_that_can_learn_does_so_by_heart() -> None:
    learn = tiny_learner()
    history = learn.fit(30, 0.03, callbacks=OverfitOneBatch(), progress=False)
    assert history[-1]["train_loss"] < 0.1 * history[0]["train_loss"]


class InPlace(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.mul_(2))


def test_a_model_that_changes_what_it_is_given_gets_the_batch_anew() -> None:
    learn, seen = noisy_learner(InPlace(4, 2)), []
    look = LambdaCallback(before_batch=lambda s: seen.append(s.batch.x.clone()))
    learn.fit(1, 0.1, callbacks=[OverfitOneBatch(), look], progress=False)
    assert torch.equal(seen[0], seen[1])


def test_the_next_fit_takes_its_own_first_batch() -> None:
    learn, callback, seen = tiny_learner(), OverfitOneBatch(), []
    look = LambdaCallback(before_batch=lambda s: seen.append(s.batch.x) if s.training else None)
    for _ in range(2):
        learn.fit(1, 0.1, callbacks=[callback, look], progress=False)
    assert not torch.equal(seen[0], seen[4])


def test_batches_of_dicts_are_held_too(make_state: Any) -> None:
    from learnkit.state import Phase
    from learnkit.types import Batch

    callback, state = OverfitOneBatch(), make_state()
    callback.before_fit(state)
    state.open_phase(Phase.TRAIN, batches=2)
    for number, n in ((1.0, 3), (2.0, 2)):
        x: Any = {"a": torch.full((n, 2), number), "pair": (torch.full((n,), number), "text")}
        state.open_batch(Batch(x, torch.zeros(n)), torch.arange(n).numpy())
        callback.before_batch(state)
        found: Any = state.batch.x
        assert torch.equal(found["a"], torch.ones(n, 2))
        assert torch.equal(found["pair"][0], torch.ones(n))
        assert found["pair"][1] == "text"
