"""MaxTime: on a clock that only the test moves."""

from collections.abc import Callable
from typing import Any

import pytest

from learnkit import deadline
from learnkit.callbacks.stop import max_time
from learnkit.callbacks.stop.max_time import MaxTime
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.history import History
from learnkit.state import State
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")

Fit = Callable[..., tuple[History, float]]


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> Fit:
    """Fit with batches of 4 and 2 an epoch that take so many seconds each; return the time too."""

    def run(callback: MaxTime, *, batch: float, valid: float, **options: Any) -> Any:
        now = [1000.0]
        for module in (max_time, deadline):
            monkeypatch.setattr(module, "monotonic", lambda: now[0])

        def tick(state: State) -> None:
            now[0] += batch if state.training else valid

        clock = LambdaCallback(after_forward=tick)
        history = tiny_learner().fit(
            99, 0.1, callbacks=[callback, clock], progress=False, **options
        )
        return history, now[0] - 1000.0

    return run


def test_the_fit_ends_in_time_with_its_validation(fit: Fit) -> None:
    """An epoch takes 4 x 2 + 2 x 3 = 14 seconds; of the fifth two batches and validation fit in."""
    history, seconds = fit(MaxTime(1.1), batch=2, valid=3)
    assert seconds == 66
    assert len(history) == 5
    assert all("valid_loss" in row for row in history)
    assert history.stop_reason == "1.1 minutes are over"


def test_an_epoch_for_which_no_time_is_left_does_not_begin(fit: Fit) -> None:
    history, seconds = fit(MaxTime(0.5), batch=2, valid=3)
    assert (len(history), seconds) == (2, 28)


def test_a_resumed_fit_has_the_time_that_is_left(fit: Fit) -> None:
    whole = MaxTime(1)
    fit(whole, batch=2, valid=3)
    saved = whole.state_dict()
    assert saved == {"seconds": whole.seconds}
    state = State(tiny_learner().model)
    again = MaxTime(1)
    again.before_fit(state)
    again.load_state_dict({"seconds": 58.0})
    again.after_epoch(state)
    assert state.stop_reason is None
    again.load_state_dict({"seconds": 61.0})
    again.after_epoch(state)
    assert state.stop_reason == "1 minute is over"


def test_time_between_two_fits_does_not_count(fit: Fit) -> None:
    callback = MaxTime(1)
    first = fit(callback, batch=2, valid=3)
    assert fit(callback, batch=2, valid=3)[1] == first[1]


@pytest.mark.parametrize("minutes", [0, -1, True, "5"])
def test_what_is_no_number_of_minutes_is_refused(minutes: Any) -> None:
    with pytest.raises(ValueError) as caught:
        MaxTime(minutes)
    assert str(caught.value) == f"MaxTime(): minutes must be a number above 0, found {minutes!r}."


@pytest.mark.parametrize("order", [1, -1])
def test_what_others_do_before_validation_is_counted_with_it_in_any_order(
    monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    """An epoch takes 4 x 2 + 5 + 2 x 3 = 19 seconds; of the third two batches and the rest fit."""
    now = [1000.0]
    for module in (max_time, deadline):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])

    def tick(state: State) -> None:
        now[0] += 2 if state.training else 3

    def work(state: State) -> None:
        now[0] += 0 if state.training else 5  # as SWA does

    pair = [MaxTime(56 / 60), LambdaCallback(before_phase=work)][::order]
    history = tiny_learner().fit(
        99, 0.1, callbacks=[*pair, LambdaCallback(after_forward=tick)], progress=False
    )
    assert (len(history), now[0] - 1000.0) == (3, 55)
