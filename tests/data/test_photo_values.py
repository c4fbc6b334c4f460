"""Cells of numbers become the values or points of photos."""

import numpy as np
import pytest
import torch

from learnkit.data.photo_values import check_points, point_names, read_values
from learnkit.data.table import as_table
from learnkit.errors import DataError

FILES = ["a.jpg", "b.jpg"]


def values_of(columns, wanted):
    return read_values(as_table(columns), wanted, FILES, option="y_cols")


def test_columns_stand_beside_each_other_in_the_order_named():
    values = values_of({"x": [1, 2.5], "y": ["3", "4"]}, ["y", "x"])
    assert values.tolist() == [[3.0, 1.0], [4.0, 2.5]]
    assert values.dtype == np.float64


def test_a_cell_may_hold_several_numbers_in_any_shape():
    cells = [[[1, 2], [3, 4]], torch.tensor([[5.0, 6.0], [7.0, 8.0]])]
    assert values_of({"p": cells}, ["p"]).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


WHERE = "The table, row 1 (counted from 0) (b.jpg) has "
FIX = " in column 'x'. Fill a number in, or remove the row."


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (float("nan"), "no value"),
        (None, "no value"),
        ("", "no value"),
        ("nan", "no value"),
        ([1.0, float("nan")], "no value"),
        ("tall", "'tall', which is no number,"),
        (1e39, "1e+39, which is infinite in float32,"),
    ],
)
def test_what_is_no_number_is_told_with_its_row_column_and_file(cell, found):
    with pytest.raises(DataError) as error:
        values_of({"x": [1.0, cell]}, ["x"])
    assert str(error.value) == WHERE + found + FIX


def test_every_row_has_as_many_numbers():
    with pytest.raises(DataError) as error:
        values_of({"x": [[1, 2], [1, 2, 3]]}, ["x"])
    assert str(error.value) == (
        "The table, row 1 (counted from 0) (b.jpg) has 3 values, but the first row has 2: every "
        "photo needs the same, at least one."
    )


def test_points_are_pairs():
    check_points(np.zeros((3, 4)))
    with pytest.raises(DataError) as error:
        check_points(np.zeros((3, 3)))
    assert str(error.value) == (
        "Points need x and y of each, so an even number of values: found 3. Name the columns in "
        "the order x1, y1, x2, y2."
    )


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["eye_x", "eye_y", "nose_x", "nose_y"], ("eye", "nose")),
        (["x1", "y1", "x2", "y2"], ("1", "2")),
        (["left.X", "left.Y"], ("left",)),
        (["x", "y"], ()),
        (["a", "b", "c", "d"], ()),
        (["eye_x", "eye_y", "eye_x", "eye_y"], ()),
        ([1, 2], ()),
        (["points"], ()),
    ],
)
def test_points_are_named_by_what_their_columns_share(columns, names):
    assert point_names(columns) == names
