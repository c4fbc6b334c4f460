"""Cells of labels become yes or no for each label."""

import numpy as np
import pytest

from learnkit.data.multi_labels import read_label_sets
from learnkit.data.table import as_table
from learnkit.errors import DataError


def sets_of(cells, **options):
    table = as_table({"labels": cells})
    return read_label_sets(table, "labels", **{"delim": " ", "given": None, **options})


def message_of(*args, **options):
    with pytest.raises(DataError) as error:
        sets_of(*args, **options)
    return str(error.value)


def test_labels_between_a_sign_become_columns_in_sorted_order():
    held, classes = sets_of(["sun sea", "sea", "beach  sun sun"])
    assert classes == ("beach", "sea", "sun")
    assert held.dtype == np.bool_
    assert held.tolist() == [[False, True, True], [False, True, False], [True, False, True]]


def test_another_sign_leaves_spaces_inside_of_labels():
    held, classes = sets_of(["red car; bus", "bus;"], delim=";")
    assert classes == ("bus", "red car")
    assert held.tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("empty", ["", "  ", None, float("nan"), [], [None]])
def test_an_empty_cell_is_a_sample_without_labels(empty):
    assert sets_of(["a b", empty]).held.tolist() == [[True, True], [False, False]]


def test_lists_tuples_sets_and_arrays_are_labels_one_by_one():
    cells = [["a b"], ("c",), {"c"}, np.array(["c", "d"])]
    held, classes = sets_of(cells, delim=None)
    assert classes == ("a b", "c", "d")
    assert held.sum(axis=1).tolist() == [1, 1, 1, 2]


def test_labels_that_are_whole_numbers_are_sorted_by_value():
    assert sets_of([[10, 9], [2]], delim=None).classes == ("2", "9", "10")


def test_given_classes_set_the_order_and_may_hold_more():
    held, classes = sets_of(["a", "b"], given=["c", "b", "a"])
    assert classes == ("c", "b", "a")
    assert held.tolist() == [[False, False, True], [False, True, False]]


def test_a_label_that_is_not_in_the_classes_is_told_with_its_row_and_the_nearest():
    assert message_of(["sea", "sea sunn"], given=["sea", "sun"]) == (
        "The table, row 1 (counted from 0) has the label 'sunn', which is not in "
        "classes=['sea', 'sun']. Did you mean 'sun'? Name it there, or take it out."
    )


def test_a_text_where_a_list_is_expected_is_not_taken_apart():
    assert message_of([["a"], "sun sea"], delim=None) == (
        "The table, row 1 (counted from 0) has 'sun sea' where a list of labels is expected: write "
        "['sun sea'], or say by label_delim=' ' what is between the labels of a text."
    )


def test_a_table_without_any_label_is_an_error():
    assert message_of(["", None]) == "The table has no label in any row (column 'labels')."
