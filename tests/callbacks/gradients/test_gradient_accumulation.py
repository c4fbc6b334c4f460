"""GradientAccumulation: equal to the big batch, and planned over the epochs."""

from typing import Any

import pytest
import torch

from learnkit.callbacks.gradients.gradient_accumulation import GradientAccumulation
from learnkit.callbacks.stop.short_run import ShortRun
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.testing import tiny_learner
from tests.doubles import double_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


@pytest.mark.parametrize("samples", [24, 27, 30, 34])
def test_it_equals_the_big_batch_with_a_ragged_last_group_too(samples: int) -> None:
    """Of 24 samples two whole groups of 3 x 4; the others end with a group of fewer or less."""
    many = double_learner(samples=samples, batch_size=4)
    big = double_learner(samples=samples, batch_size=12)
    many.fit(3, 0.1, callbacks=GradientAccumulation(3), progress=False)
    big.fit(3, 0.1, progress=False)
    for name, value in big.model.state_dict().items():
        torch.testing.assert_close(many.model.state_dict()[name], value, rtol=0, atol=1e-10)


def steps_seen(epochs: int, *callbacks: Any) -> list[tuple[int, int, int]]:
    """Return epoch, accumulate and planned steps at each step of 4 batches an epoch."""
    seen: list[tuple[int, int, int]] = []

    def look(state: Any) -> None:
        progress = state.progress
        seen.append((progress.epochs_done, state.accumulate, progress.steps_planned))

    learn = tiny_learner()
    given = [*callbacks, LambdaCallback(after_step=look)]
    learn.fit(epochs, 0.1, callbacks=given, progress=False)
    return seen


def test_a_plan_changes_with_the_epochs_and_counts_all_steps_from_the_start() -> None:
    seen = steps_seen(4, GradientAccumulation({1: 4, 3: 2}))
    assert seen == [(0, 1, 8)] * 4 + [(1, 4, 8), (2, 4, 8)] + [(3, 2, 8)] * 2


def test_limited_batches_are_planned_for_in_any_order() -> None:
    pair = [GradientAccumulation(2), ShortRun(3, epochs=None)]
    for callbacks in (pair, pair[::-1]):
        assert steps_seen(2, *callbacks) == [(0, 2, 4)] * 2 + [(1, 2, 4)] * 2


@pytest.mark.parametrize("batches", [0, 1.5, True, {}, {-1: 2}, {0: 0}])
def test_what_is_no_number_of_batches_is_refused(batches: Any) -> None:
    with pytest.raises(ValueError) as caught:
        GradientAccumulation(batches)
    assert str(caught.value) == (
        "GradientAccumulation() takes a number of batches, whole and at least 1, or a dict from "
        f"epochs (0 is the first) to such numbers; found {batches!r}."
    )
