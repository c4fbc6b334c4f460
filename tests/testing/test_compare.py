"""Equal to the last bit, or where not."""

import math

import pytest
import torch

from learnkit.testing.compare import difference, flat


@pytest.mark.parametrize(
    ("a", "b", "where"),
    [
        ({"x": 1.0}, {"x": 1.0}, None),
        (math.nan, math.nan, None),
        ({"x": 0.0}, {"x": -0.0}, "x is -0.0 and should be 0.0"),
        ({"x": 1}, {"x": 1.0}, "x is 1.0 and should be 1"),
        ({"x": 1}, {"y": 1}, "x is in one of the two only"),
        ({}, {"y": [1]}, "y is in one of the two only"),
        ({"x": [1, (2, 3)]}, {"x": [1, (2, 4)]}, "x.1.1 is 4 and should be 3"),
        ({"x": [1]}, {"x": [1, 2]}, "x is [1, 2] and should be [1]"),
        (
            {"x": torch.tensor([1.0])},
            {"x": torch.tensor([1.0], dtype=torch.float64)},
            "x is float64 (1,) [1.0] and should be float32 (1,) [1.0]",
        ),
    ],
)
def test_the_first_difference_is_named(a: object, b: object, where: str | None) -> None:
    assert difference(flat(a), flat(b)) == where


def test_long_values_are_cut() -> None:
    told = difference({"x": "a" * 70}, {"x": "b"})
    assert told == f"x is b and should be {'a' * 60}..."
