import numpy as np
import pytest
import torch

from learnkit.data.bunch import DataBunch
from learnkit.data.numbers import input_numbers
from learnkit.errors import DataError


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (np.zeros((2, 3)), torch.float32),
        (torch.zeros(2, 3, dtype=torch.float64), torch.float32),
        (torch.zeros(2, 3, dtype=torch.float16), torch.float16),
        ([[1, 2], [3, 4]], torch.int64),
        (np.zeros((2, 3), dtype=np.uint8), torch.uint8),
        ([True, False], torch.bool),
    ],
)
def test_numbers_keep_their_type_but_for_float64(x, dtype):
    assert input_numbers(x).dtype == dtype


def test_an_array_that_is_a_view_backwards_is_taken():
    assert input_numbers(np.arange(3)[::-1]).tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (3.0, "x must have one entry for each sample: found a single number."),
        (np.zeros((0, 4)), "x has no samples: its shape is (0, 4)."),
        (
            [[1.0, 2.0], [1.0]],
            "The rows of x must have one shape: found lengths 1, 2. Pad or cut them; texts and "
            "sequences have bunches of their own.",
        ),
        (
            ["good", "bad"],
            "x must be numbers: found texts, such as 'good'. TabularDataBunch.from_df takes tables "
            "of names and numbers, TextDataBunch texts.",
        ),
        (
            np.array([{"a": 1}, None], dtype=object),
            "x must be numbers: found Python objects, such as {'a': 1}. Make it an array of "
            'numbers, as by np.array(..., dtype="float32").',
        ),
        (
            [[0.0, 1.0], [float("inf"), 0.0], [0.0, float("nan")]],
            "2 of 3 rows of x hold NaN or infinity, the first is row 1 (counted from 0) with inf. "
            "Fill them in, or remove those rows: a loss computed from them would be NaN.",
        ),
        (
            [[1e300], [0.0]],
            "1 of 2 rows of x hold NaN or infinity, the first is row 0 (counted from 0) with inf. "
            "Fill them in, or remove those rows: a loss computed from them would be NaN.",
        ),
    ],
)
def test_what_is_no_finite_number_is_named(x, expected):
    assert message_of(input_numbers, x) == expected
    if not isinstance(x, float) and len(x):
        assert message_of(DataBunch.from_arrays, x, [0, 1] * len(x)) == expected
