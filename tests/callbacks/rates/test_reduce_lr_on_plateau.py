"""ReduceLROnPlateau: the peak falls when a number no longer improves."""

from typing import Any

import pytest

from learnkit.callbacks.rates.lr_schedule import LRSchedule
from learnkit.callbacks.rates.reduce_lr_on_plateau import ReduceLROnPlateau
from learnkit.errors import MonitorError
from learnkit.schedule import linear
from learnkit.state import State

FALLS = ReduceLROnPlateau


def peaks(
    callback: FALLS, state: State, losses: list[float], name: str = "valid_loss"
) -> list[float]:
    """The peak after each epoch."""
    callback.before_fit(state)
    found = []
    for loss in losses:
        state.metrics = {name: loss}
        callback.after_epoch(state)
        state.progress.epochs_done += 1
        found.append(state.optimizer.param_groups[0]["initial_lr"])
    return found


def test_the_rate_falls_after_so_many_epochs_without_improvement(make_state: Any) -> None:
    callback = FALLS(patience=2, factor=0.5)
    found = peaks(callback, make_state(lr=1.0), [3.0, 2.0, 2.0, 2.5, 2.0, 2.0, 1.0])
    assert found == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_it_equals_torchs_scheduler_but_for_the_counting_of_patience(make_state: Any) -> None:
    """torch waits for one epoch more: ``num_bad_epochs > patience``."""
    from torch.optim.lr_scheduler import ReduceLROnPlateau as TorchPlateau

    losses = [3.0, 2.0, 2.1, 2.0, 2.2, 1.9, 1.9, 1.95, 1.9, 1.9, 1.9, 1.0, 1.1, 1.2, 1.3]
    callback = FALLS(patience=3, factor=0.5, cooldown=1)
    mine = peaks(callback, make_state(lr=1.0), losses)
    state = make_state(lr=1.0)
    torchs = TorchPlateau(state.optimizer, patience=2, factor=0.5, cooldown=1, threshold=0)
    theirs = []
    for loss in losses:
        torchs.step(loss)
        theirs.append(state.lr)
    assert mine == theirs
    assert mine[-1] < 1.0


def test_it_goes_with_any_schedule(make_state: Any) -> None:
    state = make_state(lr=1.0, steps=4)
    schedule, callback = LRSchedule(linear()), FALLS(patience=1, factor=0.5)
    schedule.before_fit(state)
    peaks(callback, state, [1.0, 1.0])
    state.progress.steps_done = 1
    schedule.before_step(state)
    assert state.lr == 0.75 * 0.5


def test_no_peak_is_brought_below_the_lowest_rate(make_state: Any) -> None:
    callback = FALLS(patience=1, factor=0.1, min_lr=0.05)
    assert peaks(callback, make_state(lr=1.0), [1.0] * 4) == [1.0, pytest.approx(0.1), 0.05, 0.05]
    low = peaks(callback, make_state(lr=0.01), [1.0] * 3)
    assert low == [0.01, 0.01, 0.01]


def test_the_metrics_own_direction_is_followed(make_state: Any) -> None:
    callback = FALLS("accuracy", patience=1, factor=0.5)
    found = peaks(callback, make_state(lr=1.0), [0.5, 0.6, 0.6], "accuracy")
    assert found == [1.0, 1.0, 0.5]


def test_one_line_says_so(make_state: Any) -> None:
    state, said = make_state(lr=0.3), []
    state.listen(said.append)
    peaks(FALLS(patience=2, factor=0.1), state, [2.0, 1.5, 1.6, 1.7])
    assert said == [
        "valid_loss has not improved for 2 epochs (best 1.5 in epoch 2): the peak learning rate is "
        "now 0.03, was 0.3"
    ]


def test_the_peaks_are_put_back_after_the_fit(make_state: Any) -> None:
    callback, state = FALLS(patience=1), make_state(lr=1.0)
    peaks(callback, state, [1.0, 1.0, 1.0])
    callback.after_fit(state)
    assert state.optimizer.param_groups[0]["initial_lr"] == 1.0


def test_a_resumed_fit_goes_on_exactly(make_state: Any) -> None:
    losses = [3.0, 2.0, 2.0, 2.5, 2.0, 2.0, 1.0, 1.0, 1.0]
    options = {"patience": 2, "factor": 0.5, "cooldown": 1}
    whole = peaks(FALLS(**options), make_state(lr=1.0), losses)
    for stop in range(1, len(losses)):
        first, state = FALLS(**options), make_state(lr=1.0)
        peaks(first, state, losses[:stop])
        again, fresh = FALLS(**options), make_state(lr=1.0)
        again.before_fit(fresh)
        fresh.optimizer.load_state_dict(state.optimizer.state_dict())
        again.load_state_dict(first.state_dict())
        found = []
        for loss in losses[stop:]:
            fresh.metrics = {"valid_loss": loss}
            again.after_epoch(fresh)
            found.append(fresh.optimizer.param_groups[0]["initial_lr"])
        assert found == whole[stop:]
        again.after_fit(fresh)
        assert fresh.optimizer.param_groups[0]["initial_lr"] == 1.0


def test_a_second_fit_begins_anew(make_state: Any) -> None:
    callback = FALLS(patience=2, factor=0.5)
    rounds = [peaks(callback, make_state(lr=1.0), [1.0, 1.0, 1.0]) for _ in range(2)]
    assert rounds[0] == rounds[1] == [1.0, 1.0, 0.5]


def test_an_epoch_that_was_cut_short_counts_for_nothing(make_state: Any) -> None:
    callback, state = FALLS(patience=1), make_state(lr=1.0)
    callback.before_fit(state)
    state.metrics = {"train_loss": 1.0}
    callback.after_epoch(state)
    assert callback.state_dict() == {"best": None, "best_epoch": 0, "waited": 0, "cooling": 0}


def test_a_number_that_the_fit_does_not_compute_is_refused(make_state: Any) -> None:
    with pytest.raises(MonitorError) as caught:
        FALLS("valid_los").before_fit(make_state())
    assert str(caught.value) == (
        "ReduceLROnPlateau(monitor='valid_los'): this fit computes train_loss, valid_loss, "
        "accuracy. Did you mean 'valid_loss'?"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1.0}, "ReduceLROnPlateau(): factor must be between 0 and 1, found 1.0."),
        (
            {"patience": 0},
            "ReduceLROnPlateau(): patience must be a whole number of at least 1, found 0.",
        ),
        (
            {"cooldown": 0.5},
            "ReduceLROnPlateau(): cooldown must be a whole number of at least 0, found 0.5.",
        ),
        ({"min_delta": -1}, "ReduceLROnPlateau(): min_delta must be at least 0, found -1."),
        ({"min_lr": -1}, "ReduceLROnPlateau(): min_lr must be at least 0, found -1."),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        FALLS(**options)
    assert str(caught.value) == message
