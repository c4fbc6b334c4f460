"""Whole numbers are one word however they are written."""

import pytest

from learnkit.data.tabular.whole import all_whole, by_value, plain


@pytest.mark.parametrize(
    ("word", "found"),
    [("1.0", "1"), ("1.", "1"), ("+12.00", "12"), ("-3", "-3"), ("-0.0", "0"), ("01.0", "01.0")],
)
def test_a_whole_number_has_one_form_and_a_code_keeps_its_own(word, found):
    assert plain(word) == found


def test_words_are_compared_by_value_only_where_all_are_whole_numbers():
    assert by_value(["1.0", "1", "2"]) == {"1", "2"}
    assert by_value(["250.0", "250", "V27"]) == {"250.0", "250", "V27"}
    assert not all_whole(["1", "1.5"])
    assert not all_whole(["1", "02"])
