"""Numbers are filled by the median and normalised by mean and deviation of training."""

import numpy as np
import pytest

from learnkit.data.table import as_table
from learnkit.data.tabular.cells import Cells
from learnkit.data.tabular.number import Number
from learnkit.errors import DataError


def column(*values):
    return Cells.of(as_table({"n": list(values)}), "n")


def test_gaps_get_the_median_and_count_in_mean_and_deviation():
    # the median of 1, 2, 9 is 2; filled 1, 2, 2, 9: mean 3.5, variance (6.25 + 4.5 + 30.25) / 4
    assert Number.learn(column(1, 2, None, 9)) == Number(
        "n", fill=2.0, mean=3.5, std=pytest.approx(10.25**0.5), flagged=True
    )


def test_training_has_mean_0_and_deviation_1():
    values = np.random.default_rng(0).normal(50, 7, 100).tolist()
    found, gaps = Number.learn(column(*values)).normalised(column(*values))
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert found.std() == pytest.approx(1)
    assert gaps.sum() == 0


def test_a_gap_that_training_had_none_of_is_filled_without_a_flag():
    number = Number.learn(column(1, 3))
    assert not number.flagged
    values, gaps = number.normalised(column(None))
    assert (values.tolist(), gaps.tolist()) == ([0.0], [1.0])


def test_one_value_everywhere_becomes_0():
    number = Number.learn(column(0.1, 0.1, 0.1))
    assert number.std == 1.0
    np.testing.assert_allclose(number.normalised(column(0.1))[0], 0, atol=1e-9)


def test_logarithms_keep_sign_and_zero_and_have_their_text_back():
    number = Number.learn(column(-99, 0, 9999), log=True)
    values, _ = number.normalised(column(-99, 0, 9999))
    plain = values * number.std + number.mean
    np.testing.assert_allclose(plain, [-np.log(100), 0, np.log(10_000)], atol=1e-9)
    assert [number.text(value) for value in values] == ["-99", "0", "9999"]


def test_text_gives_the_number_of_the_table_back():
    number = Number("n", fill=0, mean=1000, std=3000)
    value = float(np.float32((39 - 1000) / 3000))
    assert number.text(value) == "39"
    assert number.text(float(np.float32(-1 / 3))) == "0"


def test_a_column_without_any_value_is_named():
    with pytest.raises(DataError) as caught:
        Number.learn(column(None, None))
    assert str(caught.value) == (
        "The table has no value in the number column 'n' in any training row. Leave it out: "
        "drop_cols=['n']."
    )


def test_numbers_too_large_to_square_are_refused():
    with pytest.raises(DataError, match=r"that are too large to be squared\. Divide them, or name"):
        Number.learn(column(1e200, -1e200))


def test_a_value_that_float32_cannot_hold_is_named():
    with pytest.raises(DataError) as caught:
        Number("n", 0, 0, 1).normalised(column(1, 1e39))
    assert str(caught.value) == (
        "The table, row 1 (counted from 0) has 1e+39 in the column 'n', which is too large for "
        "float32."
    )
