"""Cells become numbers, words and dates; a wrong one is named by its row and column."""

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pytest

from learnkit.data.table import as_table
from learnkit.data.tabular.cells import Cells, dates, numbers, present, words
from learnkit.errors import DataError


def cells(*values):
    return Cells.of(as_table({"price": list(values)}), "price")


def message(read, *values):
    with pytest.raises(DataError) as caught:
        read(cells(*values))
    return str(caught.value)


def test_numbers_come_from_numbers_and_texts_and_gaps_are_nan():
    found = numbers(cells(1, "2.5", " -3e2 ", None, "", "NaN", True, Decimal("4"), np.float32(5)))
    np.testing.assert_array_equal(found, [1, 2.5, -300, np.nan, np.nan, np.nan, 1, 4, 5])
    assert found.dtype == np.float64


def test_the_gaps_of_pandas_are_gaps():
    pd = pytest.importorskip("pandas")
    column = pd.Series([1, None, 3], dtype="Int64")
    found = numbers(Cells.of(as_table({"price": list(column)}), "price"))
    np.testing.assert_array_equal(found, [1, np.nan, 3])


@pytest.mark.parametrize("value", [math.inf, "-inf", 10**400])
def test_an_infinite_number_is_named_with_its_row_and_column(value):
    assert message(numbers, 1, value).endswith(
        "in the column 'price', which is infinite. Give a number, or nothing where it is missing."
    )
    assert message(numbers, 1, value).startswith("The table, row 1 (counted from 0) has ")


def test_a_number_with_commas_is_named_with_the_right_way_to_write_it():
    assert message(numbers, "7", "1,234.5") == (
        "The table, row 1 (counted from 0) has '1,234.5' in the column 'price', a number with "
        "commas in it. Write it as 1234.5."
    )


@pytest.mark.parametrize("value", ["cheap", "1_000", "12 EUR", [1]])
def test_what_is_no_number_is_named(value):
    assert message(numbers, 1, value) == (
        f"The table, row 1 (counted from 0) has {value!r} in the column 'price', whose values are "
        "numbers. Correct the cell, leave it empty, or name the column in cat_cols."
    )


def test_words_of_whole_numbers_are_the_same_however_they_are_stored():
    found = words(cells(3, 3.0, np.int64(3), np.float32(3), " 3 ", 2.5, True, None, "", "abc"))
    assert found == ["3", "3", "3", "3", "3", "2.5", "True", None, None, "abc"]


def test_many_equal_texts_are_read_once_and_put_back_in_order():
    assert words(cells("b", "a", "", "b ", "b")) == ["b", "a", None, "b", "b"]


def test_a_list_is_no_word():
    assert message(words, "a", ["b"]) == (
        "The table, row 1 (counted from 0) has ['b'] in the column 'price', which is no text or "
        "number but a list."
    )


def test_a_text_of_a_thousand_letters_is_the_longest_word():
    assert words(cells("a" * 1000)) == ["a" * 1000]
    assert "which has 1,001 letters; a category has at most 1,000." in message(words, "a" * 1001)


def test_dates_come_in_many_types():
    day = dt.datetime(2026, 1, 31)
    given = [day, dt.date(2026, 1, 31), np.datetime64("2026-01-31"), "2026-01-31"]
    assert dates(cells(*given, None, np.datetime64("NaT", "D"))) == [day] * 4 + [None, None]


def test_the_dates_of_pandas_are_dates():
    pd = pytest.importorskip("pandas")
    found = dates(cells(pd.Timestamp("2026-01-31 12:00"), pd.NaT))
    assert found == [dt.datetime(2026, 1, 31, 12), None]


def test_what_is_no_date_is_named():
    assert message(dates, "2026-01-31", "31.1.2026") == (
        "The table, row 1 (counted from 0) has '31.1.2026' in the column 'price', whose values are "
        "dates. Give dates, or texts such as 2026-01-31 (pandas.to_datetime reads other forms)."
    )


def test_present_counts_all_but_gives_each_text_once():
    assert present(["a", "b", "a", ""]) == (["a", "b"], 3)
    assert present([1, None, 1]) == ([1, 1], 2)
