"""What looks like a number and is none is refused by all callbacks alike."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from learnkit import callbacks as lk


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: lk.EarlyStopping(patience=True),
            "EarlyStopping(): patience must be a whole number of at least 1, found True.",
        ),
        (
            lambda: lk.EarlyStopping(min_delta=math.inf),
            "EarlyStopping(): min_delta must be at least 0, found inf.",
        ),
        (
            lambda: lk.EarlyStopping(min_delta="x"),  # type: ignore[arg-type]
            "EarlyStopping(): min_delta must be at least 0, found 'x'.",
        ),
        (
            lambda: lk.GradientClip(True),
            "GradientClip(): max_norm must be a number above 0, found True.",
        ),
        (
            lambda: lk.GradientClip(value=math.inf),
            "GradientClip(): value must be a number above 0, found inf.",
        ),
        (
            lambda: lk.AdaptiveGradientClip(True),
            "AdaptiveGradientClip(): factor must be a number above 0, found True.",
        ),
        (lambda: lk.EMA(False), "EMA(): decay must be a number in [0, 1), found False."),
        (lambda: lk.SWA(True), "SWA(): start must be a fraction in [0, 1], found True."),
        (
            lambda: lk.MaxTime(math.inf),
            "MaxTime(): minutes must be a number above 0, found inf.",
        ),
    ],
)
def test_a_truth_value_infinity_or_text_is_no_number(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_a_number_of_blocks_is_no_function_of_the_model() -> None:
    with pytest.raises(TypeError) as caught:
        lk.GradientCheckpointing(3)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "GradientCheckpointing() takes a function of the model that returns its blocks, found 3."
    )
