"""BnFreeze: statistics stay, scales train, modes are the loop's afterwards."""

import pytest
import torch
from torch import Tensor, nn

from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.callbacks.weights.bn_freeze import BnFreeze
from learnkit.learner import Learner
from learnkit.sanity.names import CHECKS
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def statistics(learn: Learner) -> dict[str, Tensor]:
    return {name: t.clone() for name, t in learn.model.named_buffers()}


def test_statistics_stay_and_scales_train() -> None:
    learn = tiny_learner()
    before, scale = statistics(learn), learn.model[0][1].weight.detach().clone()
    learn.fit(1, 0.1, callbacks=BnFreeze(), progress=False)
    for name, value in statistics(learn).items():
        assert torch.equal(value, before[name]), name
    assert not torch.equal(learn.model[0][1].weight, scale)


def with_norm_in_the_head(groups: int) -> Learner:
    given = tiny_learner()
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)),
                          nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))  # fmt: skip
    parts = [list(part.parameters()) for part in model]
    split = parts if groups == 2 else [[*parts[0], *parts[1]]]
    return Learner(given.data, model, splitter=lambda _: split, device="cpu", mute=CHECKS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("groups", "head", "moved"), [(2, False, {"1"}), (2, True, set()), (1, False, set())]
)
def test_the_statistics_of_a_new_head_move_unless_it_is_asked_for(
    groups: int, head: bool, moved: set[str]
) -> None:
    learn = with_norm_in_the_head(groups)
    before = statistics(learn)
    learn.fit(1, 0.1, callbacks=BnFreeze(head=head), progress=False)
    changed = {n for n, t in statistics(learn).items() if not torch.equal(t, before[n])}
    assert {name.split(".")[0] for name in changed} == moved


def test_whoever_sets_modes_meanwhile_is_overruled_in_the_next_batch() -> None:
    learn = tiny_learner()
    before = statistics(learn)
    again = LambdaCallback(after_batch=lambda state: state.model.train(state.training))
    learn.fit(1, 0.1, callbacks=[BnFreeze(), again], progress=False)
    assert all(torch.equal(t, before[n]) for n, t in statistics(learn).items())


def test_the_next_fit_moves_statistics_again() -> None:
    learn = tiny_learner()
    learn.fit(1, 0.1, callbacks=BnFreeze(), progress=False)
    before = statistics(learn)
    learn.fit(1, 0.1, progress=False)
    assert not torch.equal(statistics(learn)["0.1.running_mean"], before["0.1.running_mean"])


def test_modes_are_set_before_anybody_asks_for_them() -> None:
    learn, seen = tiny_learner(), []
    look = LambdaCallback(before_phase=lambda s: seen.append(s.model[0][1].training))
    learn.fit(1, 0.1, callbacks=[BnFreeze(), look], progress=False)
    assert seen == [False, False]
