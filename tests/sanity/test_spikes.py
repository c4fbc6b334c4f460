"""SpikeWatch: far above the running level, and above where training began."""

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from learnkit.sanity.losses import SpikeWatch

LINE = (
    "the loss of training batch {} was {}, and the median of those before it {}. "
    "learn.replay({}) gives that batch as the model saw it. Where its samples are sound, try a "
    "lower learning rate or callbacks=GradientClip(1.0)."
)


def watch(
    losses: Sequence[float], *, batch_size: int = 64, floor: float = 0.0, start: int = 0
) -> SpikeWatch:
    made = SpikeWatch(floor=floor)
    made.batch_size = batch_size
    made.feed(range(start, start + len(losses)), losses)
    return made


def falling(n: int, *, to: float = 0.05) -> list[float]:
    """Losses of a healthy fit: from 1 to ``to``, each up to a quarter off."""
    noise = np.random.default_rng(0).uniform(0.8, 1.25, n)
    return (noise * (to + (1 - to) * np.exp(-np.arange(n) / 30))).tolist()


def test_a_loss_far_above_all_is_named_with_the_call_that_looks_at_it() -> None:
    losses = [1.0] * 30 + [50.0] + [1.0] * 30
    found = watch(losses, start=100).finding()
    assert found == LINE.format(130, 50, 1, 130)


def test_the_first_of_several_is_named() -> None:
    found = watch([1.0] * 30 + [20.0, 1.0, 90.0]).finding()
    assert found == LINE.format(30, 20, 1, 30)


def test_a_healthy_fit_has_none() -> None:
    assert watch(falling(2000)).finding() is None


@pytest.mark.parametrize(
    ("loss", "fires"),
    [(10.5, True), (9.5, False)],
)
def test_it_takes_ten_times_the_median(loss: float, fires: bool) -> None:
    assert (watch([1.0] * 30 + [loss]).finding() is not None) is fires


@pytest.mark.parametrize(("loss", "fires"), [(21.0, True), (19.0, False)])
def test_it_takes_five_times_the_highest_but_for_the_latest(loss: float, fires: bool) -> None:
    losses = [1.0] * 30 + [4.0] + [1.0] * 8 + [loss]
    assert (watch(losses).finding() is not None) is fires
    assert watch([1.0] * 39 + [4.0, 12.0]).finding() is not None


def test_a_loss_that_grows_is_found_too() -> None:
    assert watch([1.0] * 100 + [1.3**n for n in range(30)]).finding() is not None


def test_twenty_losses_are_needed() -> None:
    assert watch([1.0] * 19 + [50.0]).finding() is None
    assert watch([1.0] * 20 + [50.0]).finding() is not None


@pytest.mark.parametrize(("loss", "fires"), [(1.2, True), (1.1, False)])
def test_a_converged_model_may_meet_a_hard_sample(loss: float, fires: bool) -> None:
    """Nothing below the level that training began at, here 1, times 1 + 8 / 64."""
    losses = [1.0] * 20 + [0.01] * 200 + [loss]
    assert (watch(losses).finding() is not None) is fires


@pytest.mark.parametrize(("loss", "fires"), [(1.9, False), (2.1, True)])
def test_small_batches_may_vary_more(loss: float, fires: bool) -> None:
    losses = [1.0] * 20 + [0.01] * 200 + [loss]
    assert (watch(losses, batch_size=8).finding() is not None) is fires


@pytest.mark.parametrize(("floor", "fires"), [(0.0, True), (math.log(10), False)])
def test_a_model_that_was_trained_before_is_judged_by_guessing(floor: float, fires: bool) -> None:
    assert (watch([0.01] * 100 + [1.5], floor=floor).finding() is not None) is fires


def test_losses_below_zero_are_not_judged() -> None:
    assert watch([-5.0] * 50 + [100.0]).finding() is None


def test_losses_that_are_not_finite_are_passed_over() -> None:
    losses = [1.0] * 30 + [math.nan, math.inf, 50.0]
    assert watch(losses).finding() == LINE.format(32, 50, 1, 32)


def test_a_new_fit_begins_without_the_old_finding_but_knows_where_training_began() -> None:
    made = watch([1.0] * 30 + [50.0] + [0.01] * 100)
    made.new_fit()
    assert made.finding() is None
    made.feed(range(131, 232), [1.5] + [0.01] * 99 + [0.9])
    assert made.finding() is None
    made.feed([232], [60.0])
    assert made.finding() == LINE.format(232, 60, 0.01, 232)


@pytest.mark.parametrize("cut", [0, 7, 20, 129, 131, 200])
def test_going_on_from_its_state_is_as_if_it_had_never_stopped(cut: int) -> None:
    losses = [*falling(130), 40.0, *falling(200)]
    whole, first, second = watch(losses), watch(losses[:cut]), SpikeWatch()
    second.batch_size = 64
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    second.feed(range(cut, len(losses)), losses[cut:])
    assert second.state_dict() == whole.state_dict()
    assert second.finding() == whole.finding() != None  # noqa: E711
