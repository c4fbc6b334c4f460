"""GradualUnfreezing: which groups train in which epoch, and what stays so."""

from typing import Any

import pytest
from torch import nn

from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.callbacks.weights.ema import EMA
from learnkit.callbacks.weights.gradual_unfreezing import GradualUnfreezing
from learnkit.learner import Learner
from learnkit.sanity.names import CHECKS
from learnkit.testing import check_callback, tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def three_groups(**options: Any) -> Learner:
    model = nn.Sequential(
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), nn.Linear(4, 4), nn.Linear(4, 2)
    )
    return Learner(
        tiny_learner().data,
        model,
        splitter=lambda m: [list(part.parameters()) for part in m.children()],
        device="cpu",
        mute=CHECKS,  # type: ignore[arg-type]
        **options,
    )


def training(learn: Learner) -> list[str]:
    return [name for name, p in learn.model.named_parameters() if p.requires_grad]


def trained_in(learn: Learner, epochs: int, callback: GradualUnfreezing) -> list[list[str]]:
    seen: list[list[str]] = []
    look = LambdaCallback(before_phase=lambda s: seen.append(training(learn)) if s.training else 0)
    learn.fit(epochs, 0.1, callbacks=[look, callback], progress=False)
    return seen


LAST, MIDDLE = ["2.weight", "2.bias"], ["1.weight", "1.bias"]
LINEAR, NORM = ["0.0.weight", "0.0.bias"], ["0.1.weight", "0.1.bias"]


def test_one_more_group_trains_in_each_epoch() -> None:
    seen = trained_in(three_groups(), 4, GradualUnfreezing())
    assert seen == [LAST, MIDDLE + LAST, *2 * [LINEAR + NORM + MIDDLE + LAST]]


def test_the_next_group_may_wait_for_several_epochs() -> None:
    seen = trained_in(three_groups(), 3, GradualUnfreezing(every=2))
    assert seen == [LAST, LAST, MIDDLE + LAST]


def test_groups_that_a_short_fit_did_not_reach_train_afterwards_as_before() -> None:
    learn = three_groups()
    trained_in(learn, 1, GradualUnfreezing())
    assert training(learn) == LINEAR + NORM + MIDDLE + LAST


def test_of_a_frozen_model_what_was_unfrozen_stays_so() -> None:
    learn = three_groups().freeze()
    assert trained_in(learn, 2, GradualUnfreezing()) == [LAST, MIDDLE + LAST]
    assert training(learn) == MIDDLE + LAST


def test_norm_layers_that_train_in_frozen_groups_go_on() -> None:
    learn = three_groups(train_bn=True).freeze()
    seen = trained_in(learn, 2, GradualUnfreezing())
    assert seen == [NORM + LAST, NORM + MIDDLE + LAST]


def test_norm_layers_may_stay_frozen() -> None:
    learn = three_groups().freeze()
    seen = trained_in(learn, 3, GradualUnfreezing(train_bn=False))
    assert seen[-1] == LINEAR + MIDDLE + LAST


def test_after_an_error_too_what_trained_before_trains_again() -> None:
    learn = three_groups()

    def fail(state: Any) -> None:
        raise ZeroDivisionError

    callbacks = [GradualUnfreezing(), LambdaCallback(after_step=fail)]
    with pytest.raises(ZeroDivisionError):
        learn.fit(1, 0.1, callbacks=callbacks, progress=False)
    assert training(learn) == LINEAR + NORM + MIDDLE + LAST


def test_an_average_follows_what_is_unfrozen() -> None:
    found = []
    for callbacks in ([EMA(0.9), GradualUnfreezing()], [GradualUnfreezing(), EMA(0.9)]):
        learn = tiny_learner()
        learn.fit(2, 0.1, callbacks=callbacks, progress=False)
        found.append([row["valid_loss"] for row in learn.history])
    assert found[0] == found[1]


def test_it_keeps_the_contract_of_a_model_that_is_frozen_already() -> None:
    check_callback(
        GradualUnfreezing, learner=lambda: tiny_learner().freeze(), may_change=("requires_grad",)
    )


def test_a_model_of_one_group_is_refused() -> None:
    given = tiny_learner()
    learn = Learner(given.data, given.model, device="cpu", mute=CHECKS)  # type: ignore[arg-type]
    with pytest.raises(ValueError) as caught:
        learn.fit(1, 0.1, callbacks=GradualUnfreezing(), progress=False)
    assert str(caught.value) == (
        "GradualUnfreezing() needs a model of several layer groups, found one; give "
        "Learner(splitter=...) a function that returns the groups, early to late."
    )


def test_an_option_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        GradualUnfreezing(every=0)
    assert str(caught.value) == (
        "GradualUnfreezing(): every must be a whole number of epochs of at least 1, found 0."
    )


def test_norm_layers_that_train_in_frozen_groups_may_be_frozen_for_the_fit() -> None:
    learn = three_groups(train_bn=True).freeze()
    before = learn.model[0][1].weight.detach().clone()
    seen = trained_in(learn, 3, GradualUnfreezing(train_bn=False))
    assert seen == [LAST, MIDDLE + LAST, LINEAR + MIDDLE + LAST]
    assert (learn.model[0][1].weight == before).all()
    assert training(learn) == LINEAR + NORM + MIDDLE + LAST  # as they were
