"""EarlyStopping: patience, a least gain, and no luck with NaN."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from learnkit.callbacks.stop.early_stopping import EarlyStopping
from learnkit.errors import MonitorError
from learnkit.state import State


def losses(*values: float) -> list[dict[str, float]]:
    return [{"valid_loss": value} for value in values]


@pytest.fixture
def fit(make_state: Any, run_epochs: Any) -> Callable[..., State]:
    """Return a function that shows a callback some epochs, in a fit of its own."""

    def run(callback: EarlyStopping, rows: list[dict[str, float]]) -> State:
        state: State = make_state()
        callback.before_fit(state)
        run_epochs(callback, state, rows)
        callback.after_fit(state)
        return state

    return run


def test_it_stops_after_patience_epochs_without_an_improvement(fit: Callable[..., State]) -> None:
    state = fit(EarlyStopping(patience=2), losses(1.0, 0.5, 0.7, 0.6, 0.1))
    assert state.progress.epochs_done == 4
    assert state.stop_reason == ("valid_loss has not improved for 2 epochs (best 0.5 in epoch 2)")


def test_an_improvement_starts_the_wait_anew(fit: Callable[..., State]) -> None:
    assert fit(EarlyStopping(patience=2), losses(1.0, 2.0, 0.5, 2.0, 0.4)).stop_reason is None


def test_the_default_patience_is_three_epochs(fit: Callable[..., State]) -> None:
    state = fit(EarlyStopping(), losses(1.0, 1.0, 1.0, 1.0, 0.5))
    assert state.progress.epochs_done == 4


def test_a_gain_below_min_delta_is_none(fit: Callable[..., State]) -> None:
    callback = EarlyStopping(patience=1, min_delta=0.1)
    state = fit(callback, losses(1.0, 0.95))
    assert state.stop_reason == "valid_loss has not improved for 1 epoch (best 1 in epoch 1)"


def test_a_metric_that_is_better_higher_is_watched_upwards(fit: Callable[..., State]) -> None:
    rows = [{"accuracy": value} for value in (0.5, 0.6, 0.7, 0.6)]
    callback = EarlyStopping("accuracy", patience=1)
    assert fit(callback, rows).progress.epochs_done == 4
    assert (callback.best.value, callback.best.epoch) == (0.7, 3)


def test_nan_is_never_an_improvement(fit: Callable[..., State]) -> None:
    state = fit(EarlyStopping(patience=2), losses(math.nan, math.nan, 0.5))
    assert state.stop_reason == "valid_loss has not improved for 2 epochs (best none yet)"


def test_an_epoch_without_the_number_does_not_count(fit: Callable[..., State]) -> None:
    rows = [{"valid_loss": 1.0}, {"train_loss": 2.0}, {"train_loss": 2.0}]
    assert fit(EarlyStopping(patience=1), rows).stop_reason is None


def test_a_second_fit_starts_anew(fit: Callable[..., State]) -> None:
    callback = EarlyStopping(patience=1)
    fit(callback, losses(0.1, 0.2))
    assert fit(callback, losses(5.0, 4.0)).stop_reason is None


def test_a_resumed_fit_waits_on_where_it_was(
    fit: Callable[..., State], make_state: Any, run_epochs: Any
) -> None:
    first = EarlyStopping(patience=3)
    fit(first, losses(0.5, 0.9, 0.9))
    assert first.state_dict() == {"best": 0.5, "best_epoch": 1, "waited": 2}
    resumed, state = EarlyStopping(patience=3), make_state()
    resumed.before_fit(state)
    resumed.load_state_dict(first.state_dict())  # comes after before_fit
    assert resumed.state_dict() == first.state_dict()
    run_epochs(resumed, state, losses(0.9, 0.1))
    assert state.progress.epochs_done == 1
    assert state.stop_reason == "valid_loss has not improved for 3 epochs (best 0.5 in epoch 1)"
    assert fit(resumed, losses(5.0, 4.0)).stop_reason is None  # no longer resumed


def test_a_number_that_the_fit_does_not_compute_is_an_error_before_training(
    make_state: Any,
) -> None:
    with pytest.raises(MonitorError) as caught:
        EarlyStopping("acuracy").before_fit(make_state())
    assert str(caught.value) == (
        "EarlyStopping(monitor='acuracy'): this fit computes train_loss, valid_loss, accuracy."
        " Did you mean 'accuracy'?"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"patience": 0},
            "EarlyStopping(): patience must be a whole number of at least 1, found 0.",
        ),
        (
            {"patience": 1.5},
            "EarlyStopping(): patience must be a whole number of at least 1, found 1.5.",
        ),
        ({"min_delta": -0.1}, "EarlyStopping(): min_delta must be at least 0, found -0.1."),
        ({"min_delta": math.nan}, "EarlyStopping(): min_delta must be at least 0, found nan."),
        (
            {"mode": "lower"},
            "EarlyStopping(mode='lower'): mode must be 'min', 'max', or None to follow the "
            "metric's own direction.",
        ),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        EarlyStopping(**options)
    assert str(caught.value) == message


def test_a_misspelt_option_names_the_nearest_one() -> None:
    with pytest.raises(TypeError) as caught:
        EarlyStopping(patince=3)  # type: ignore[call-arg]
    assert str(caught.value) == (
        "EarlyStopping() has no argument 'patince'. Did you mean 'patience'?"
    )
