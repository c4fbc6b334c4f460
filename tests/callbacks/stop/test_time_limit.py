"""TimeLimit: which moment is meant, and done before it."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from learnkit import deadline
from learnkit.callbacks.stop import time_limit
from learnkit.callbacks.stop.time_limit import TimeLimit
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.state import State
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")

NOON = datetime(2030, 5, 17, 12, 0).astimezone()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds since noon, for the test to move."""
    now = [0.0]
    monkeypatch.setattr(deadline, "monotonic", lambda: now[0])
    monkeypatch.setattr(time_limit, "_now", lambda: NOON + timedelta(seconds=now[0]))
    return now


def test_a_time_of_day_is_its_next_moment(clock: list[float]) -> None:
    assert TimeLimit("13:30").until == NOON.replace(hour=13, minute=30)
    assert TimeLimit("06:00").until == NOON.replace(day=18, hour=6)
    assert TimeLimit("12:00").until == NOON.replace(day=18)


def test_a_moment_without_a_zone_is_of_local_time(clock: list[float]) -> None:
    assert TimeLimit(datetime(2030, 5, 17, 14)).until == NOON.replace(hour=14)
    far = datetime(2030, 5, 19, tzinfo=timezone(timedelta(hours=9)))
    assert TimeLimit(far).until == far


def test_the_fit_ends_before_it_with_its_validation_and_the_margin(clock: list[float]) -> None:
    """An epoch takes 14 seconds; 54 are there until 60 before the end."""

    def tick(state: State) -> None:
        clock[0] += 2 if state.training else 3

    callbacks = [TimeLimit(NOON + timedelta(seconds=114)), LambdaCallback(after_forward=tick)]
    history = tiny_learner().fit(99, 0.1, callbacks=callbacks, progress=False)
    assert clock[0] == 54
    assert [("valid_loss" in row) for row in history] == [True] * 4
    assert history.stop_reason == "it is nearly 2030-05-17 12:01"


def test_a_moment_that_is_past_is_refused(clock: list[float]) -> None:
    with pytest.raises(ValueError) as caught:
        TimeLimit(NOON + timedelta(minutes=4), margin=5)
    assert str(caught.value) == (
        "TimeLimit(): less than the margin of 5 minutes is left until 2030-05-17 12:04; give a "
        "later moment."
    )


@pytest.mark.parametrize("until", ["noon", "25:00", 12])
def test_what_is_no_moment_is_refused(until: Any) -> None:
    with pytest.raises(ValueError) as caught:
        TimeLimit(until)
    assert str(caught.value) == (
        f'TimeLimit(): until must be a datetime or "HH:MM", found {until!r}.'
    )


def test_a_margin_below_0_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        TimeLimit("06:00", margin=-1)
    assert str(caught.value) == "TimeLimit(): margin must be minutes of at least 0, found -1."
