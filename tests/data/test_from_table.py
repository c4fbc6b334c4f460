"""Tables that are all numbers, as bunches."""

import math

import pytest
import torch

from learnkit.data.bunch import DataBunch
from learnkit.data.from_table import read_numbers
from learnkit.errors import DataError

TABLE = {
    "rooms": [3, 4, 5, 2],
    "age": [10.0, 2.0, 30.0, 7.0],
    "price": [1.5, 2.5, 2.0, 1.0],
    "kind": ["flat", "house", "house", "flat"],
    "held": [False, False, False, True],
}


def only(*names, **more):
    return {name: TABLE[name] for name in names} | more


def test_one_column_of_fractions_is_values_of_one_column():
    arrays = read_numbers(only("rooms", "age", "price"), "price")
    assert arrays.x.tolist() == [[3, 10], [4, 2], [5, 30], [2, 7]]
    assert arrays.y.tolist() == [[1.5], [2.5], [2.0], [1.0]]
    assert (str(arrays.x.dtype), str(arrays.y.dtype), arrays.held_out) == (
        "float32",
        "float32",
        None,
    )


def test_names_and_whole_numbers_are_classes_unless_the_task_says_otherwise():
    assert read_numbers(only("age", "kind"), "kind").y.tolist() == TABLE["kind"]
    assert read_numbers(only("age", "rooms"), "rooms").y.tolist() == TABLE["rooms"]
    values = read_numbers(only("age", "rooms"), "rooms", task="regression").y
    assert values.tolist() == [[3], [4], [5], [2]]
    assert read_numbers(only("rooms", "age"), "age", task="classification").y.tolist() == [
        *("10.0", "2.0", "30.0", "7.0")
    ]


def test_several_columns_are_values_and_columns_can_be_named_by_their_place():
    arrays = read_numbers(TABLE, [2, "age"], x_cols=["rooms"])
    assert arrays.x.tolist() == [[3], [4], [5], [2]]
    assert arrays.y.tolist() == [[1.5, 10], [2.5, 2], [2.0, 30], [1.0, 7]]


def test_a_column_can_tell_what_is_held_out():
    with pytest.warns(UserWarning, match="is trained on, but validation has no sample of it"):
        data = DataBunch.from_df(
            only("rooms", "age", "kind", "held"), "kind", valid_col="held", bs=3
        )
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (3, 1)
    assert data.one_batch(train=False).x.tolist() == [[2, 7]]
    assert (data.classes, data.split) == (("flat", "house"), "as given")
    assert data.one_batch().y.dtype == torch.int64


def test_without_one_a_fifth_is_held_out():
    numbers = {"a": list(range(10)), "b": [value / 10 for value in range(10)]}
    data = DataBunch.from_df(numbers, "b", batch_size=8)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (8, 2)


def test_a_data_frame_serves_as_a_dict_does():
    pandas = pytest.importorskip("pandas", reason="needs the extra tables")
    frame = pandas.DataFrame(only("rooms", "age", "price"))
    assert (
        read_numbers(frame, "price").x.tolist()
        == read_numbers(only("rooms", "age", "price"), "price").x.tolist()
    )
    assert read_numbers(frame, "rooms").y.tolist() == TABLE["rooms"]


ADVICE = "TabularDataBunch.from_df fills gaps and codes names; x_cols= takes some columns only."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: read_numbers(only("rooms", "price"), "prise"),
            "The table has no column 'prise' (option y_cols). Did you mean 'price'? Its columns "
            "are: rooms, price.",
        ),
        (
            lambda: read_numbers(only("price", age=[1, None, 2, 3]), "price"),
            "The table, row 1 (counted from 0) has no number in column 'age'. " + ADVICE,
        ),
        (
            lambda: read_numbers(only("price", age=[1, 2, math.nan, 3]), "price"),
            "The table, row 2 (counted from 0) has no number in column 'age'. " + ADVICE,
        ),
        (
            lambda: read_numbers(only("price", "kind"), "price"),
            "The table, row 0 (counted from 0) has 'flat' in column 'kind', which is no number. "
            + ADVICE,
        ),
        (
            lambda: read_numbers(only("price", age=[1, 2, 3, 1e39]), "price"),
            "The table, row 3 (counted from 0) has 1e+39 in column 'age', which is infinite in "
            "float32. Correct it, or remove the row.",
        ),
        (
            lambda: read_numbers(only("age", kind=["a", "", "b", "a"]), "kind"),
            "The table, row 1 (counted from 0) has no label (column 'kind'). Fill it in, or remove "
            "the row.",
        ),
        (
            lambda: read_numbers(only("price"), "price"),
            "The table has no columns to learn from besides ['price'].",
        ),
        (
            lambda: read_numbers(TABLE, "price", x_cols=["age", "price"]),
            "Column 'price' is in x_cols, and in y_cols or valid_col as well.",
        ),
        (
            lambda: read_numbers(TABLE, []),
            "from_df needs y_cols, the column to predict; found none.",
        ),
        (
            lambda: read_numbers(TABLE, ["rooms", "age"], x_cols=["price"], task="classification"),
            "One column holds the classes; y_cols names 2: ['rooms', 'age']. Several columns are "
            "values to predict.",
        ),
        (
            lambda: read_numbers(TABLE, "age", task="regresion"),
            "task must be 'classification', 'regression' or None; found 'regresion'.",
        ),
        (lambda: read_numbers([1, 2], "age"), "from_df needs a DataFrame, found list."),
    ],
)
def test_what_cannot_be_read_is_named(call, message):
    with pytest.raises(DataError) as caught:
        call()
    assert str(caught.value) == message
