"""MaxSteps: exactly so many steps, then validation."""

from typing import Any

import pytest

from learnkit.callbacks.gradients.gradient_accumulation import GradientAccumulation
from learnkit.callbacks.stop.max_steps import MaxSteps
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.state import SkipBatch, State
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (3, 1), (4, 1), (5, 2), (8, 2)])
def test_the_fit_has_so_many_steps_and_a_whole_last_row(steps: int, epochs: int) -> None:
    fractions: list[float] = []
    look = LambdaCallback(after_step=lambda state: fractions.append(state.progress.fraction))
    learn = tiny_learner()
    history = learn.fit(9, 0.1, callbacks=[MaxSteps(steps), look], progress=False)
    assert fractions == [i / steps for i in range(1, steps + 1)]
    assert len(history) == epochs
    assert "valid_loss" in history[-1]
    words = "1 step is" if steps == 1 else f"{steps} steps are"
    assert history.stop_reason == f"{words} done"


def test_a_fit_of_fewer_steps_is_as_ever() -> None:
    history = tiny_learner().fit(2, 0.1, callbacks=MaxSteps(9), progress=False)
    assert (len(history), history.stop_reason) == (2, None)


def test_steps_of_several_batches_are_counted_as_one() -> None:
    for order in (1, -1):
        pair = [MaxSteps(3), GradientAccumulation(2)][::order]
        learn, seen = tiny_learner(), []
        look = LambdaCallback(after_step=lambda s, seen=seen: seen.append(s.progress.fraction))
        history = learn.fit(9, 0.1, callbacks=[*pair, look], progress=False)
        assert (len(seen), seen[-1], len(history)) == (3, 1.0, 2)


def test_a_step_that_is_skipped_does_not_count() -> None:
    skipped: list[int] = []

    def skip(state: State) -> None:
        if not skipped:
            skipped.append(state.progress.steps_done)
            raise SkipBatch

    done: list[int] = []
    look = LambdaCallback(before_step=skip, after_step=lambda s: done.append(s.progress.steps_done))
    tiny_learner().fit(9, 0.1, callbacks=[MaxSteps(1), look], progress=False)
    assert done == [1]


@pytest.mark.parametrize("steps", [0, 1.5, True])
def test_what_is_no_number_of_steps_is_refused(steps: Any) -> None:
    with pytest.raises(ValueError) as caught:
        MaxSteps(steps)
    assert str(caught.value) == (
        f"MaxSteps(): steps must be a whole number of at least 1, found {steps!r}."
    )


@pytest.mark.parametrize("order", [1, -1])
def test_the_plan_has_as_many_epochs_as_the_steps_need(order: int) -> None:
    planned: list[int] = []
    look = LambdaCallback(after_phase=lambda s: planned.append(s.progress.epochs_planned))
    pair = [MaxSteps(5), GradientAccumulation(2)][::order]
    tiny_learner().fit(99, 0.1, callbacks=[*pair, look], progress=False)
    assert planned == 3 * [3, 3]  # of 2 steps


@pytest.mark.parametrize("order", [1, -1])
def test_epochs_whose_steps_become_larger_are_as_many_as_they_must_be(order: int) -> None:
    pair = [MaxSteps(7), GradientAccumulation({0: 1, 1: 4})][::order]
    seen: list[float] = []
    look = LambdaCallback(after_step=lambda state: seen.append(state.progress.fraction))
    history = tiny_learner().fit(9, 0.1, callbacks=[*pair, look], progress=False)
    assert len(history) == 4  # of 4, 1, 1 and 1
    assert seen == [i / 7 for i in range(1, 8)]
    assert history.stop_reason == "7 steps are done"
