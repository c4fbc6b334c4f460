"""Monitor: which number, which way, and whether it improved."""

import math

import pytest

from learnkit.errors import MonitorError
from learnkit.monitor import Best, Mode, Monitor, best_from, check_mode, resolve

DIRECTIONS = {"train_loss": False, "valid_loss": False, "accuracy": True, "mine": None}


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("valid_loss", None, "min"),
        ("accuracy", None, "max"),
        ("mine", "max", "max"),
        ("accuracy", "min", "min"),
    ],
)
def test_the_direction_is_the_metrics_own_unless_said(
    name: str, mode: Mode | None, expected: Mode
) -> None:
    assert resolve(name, mode, DIRECTIONS, owner="SaveBest") == Monitor(name, expected)


@pytest.mark.parametrize(
    ("name", "hint"), [("valid_los", " Did you mean 'valid_loss'?"), ("xyzzy", "")]
)
def test_an_unknown_name_lists_what_there_is(name: str, hint: str) -> None:
    with pytest.raises(MonitorError) as caught:
        resolve(name, None, DIRECTIONS, owner="SaveBest")
    assert str(caught.value) == (
        f"SaveBest(monitor='{name}'): this fit computes train_loss, valid_loss, accuracy, mine."
        f"{hint}"
    )


def test_an_open_direction_is_asked_for() -> None:
    with pytest.raises(MonitorError) as caught:
        resolve("mine", None, DIRECTIONS, owner="EarlyStopping")
    assert str(caught.value) == (
        "EarlyStopping(monitor='mine'): nobody said whether a higher or a lower mine is better. "
        "Say it: EarlyStopping(monitor='mine', mode='max') or mode='min'."
    )


def test_a_mode_is_min_max_or_none() -> None:
    for mode in ("min", "max", None):
        check_mode(mode, owner="SaveBest")
    with pytest.raises(MonitorError) as caught:
        check_mode("maxx", owner="SaveBest")
    assert str(caught.value) == (
        "SaveBest(mode='maxx'): mode must be 'min', 'max', or None to follow the metric's own "
        "direction. Did you mean 'max'?"
    )


@pytest.mark.parametrize(
    ("mode", "value", "best", "min_delta", "expected"),
    [
        ("min", 1.0, None, 0.0, True),
        ("min", 0.9, 1.0, 0.0, True),
        ("min", 1.0, 1.0, 0.0, False),
        ("min", 0.9, 1.0, 0.2, False),
        ("min", 0.7, 1.0, 0.2, True),
        ("max", 0.9, 1.0, 0.0, False),
        ("max", 1.1, 1.0, 0.0, True),
        ("max", 1.1, 1.0, 0.2, False),
        ("max", -1.0, None, 0.5, True),
    ],
)
def test_an_improvement_beats_the_best_by_more_than_min_delta(
    mode: Mode, value: float, best: float | None, min_delta: float, expected: bool
) -> None:
    assert Monitor("x", mode).improved(value, best, min_delta=min_delta) is expected


@pytest.mark.parametrize("best", [None, 1.0])
@pytest.mark.parametrize(
    ("mode", "value"), [("min", math.nan), ("max", math.nan), ("min", math.inf), ("max", -math.inf)]
)
def test_nan_and_the_wrong_infinity_never_improve(
    mode: Mode, value: float, best: float | None
) -> None:
    assert not Monitor("x", mode).improved(value, best)


def test_the_best_says_its_epoch() -> None:
    assert str(Best(0.25, 4)) == "0.25 in epoch 4"
    assert str(Best()) == "none yet"
    assert best_from({"best": None, "best_epoch": 0}) == Best()
    assert best_from({"best": 0.25, "best_epoch": 4}) == Best(0.25, 4)
