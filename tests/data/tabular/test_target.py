"""Targets are classes or values; a missing or unknown one is named by its row."""

import pytest
import torch

from learnkit.data.table import as_table
from learnkit.data.tabular.target import Target, kind_of, labels_of
from learnkit.errors import DataError


def learned(values, *, kind=None, classes=None):
    return Target.learn(as_table({"y": values}), ["y"], kind=kind, classes=classes)


def message(call):
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a"], ("a", "b")),
        ([True, False], ("False", "True")),
        ([2, 0, 10], ("0", "2", "10")),
        (["1", "0"], ("0", "1")),
        ([1.0, 2.0], ()),
        (["1.0", "2.0"], ()),
        (list(range(21)), ()),
    ],
)
def test_what_is_predicted_follows_from_the_values(values, classes):
    assert learned(values).classes == classes


def test_the_task_can_be_told():
    assert learned([1, 2, 3], kind="regression").classes == ()
    assert learned([1.0, 2.0], kind="classification").classes == ("1", "2")
    assert message(lambda: learned([1, 2], kind="regresion")) == (
        "task must be 'classification' or 'regression': found 'regresion'."
    )


def test_classes_become_numbers_and_values_stay():
    target = learned(["b", "a"], classes=["b", "a", "c"])
    assert target.y(as_table({"y": ["a", "b"]})).tolist() == [1, 0]
    table = as_table({"y": [1.5, 2], "z": ["3", 4]})
    values = Target.learn(table, ["y", "z"], kind=None, classes=None).y(table)
    torch.testing.assert_close(values, torch.tensor([[1.5, 3], [2, 4]]))


def test_a_missing_target_is_named_by_its_row():
    assert message(lambda: learned([1.0, None, float("nan")])) == (
        "The table: the target 'y' is missing in 2 of 3 rows, the first of them row 1 (counted "
        "from 0). Fill it in, or leave these rows out."
    )


def test_an_unknown_class_is_named_with_the_nearest():
    target = learned(["cat", "dog"])
    assert message(lambda: target.y(as_table({"y": ["cat", "dogs"]}))) == (
        "The table, row 1 (counted from 0) has 'dogs' in the column 'y', which is none of the "
        "classes ['cat', 'dog']. Did you mean 'dog'? Give every class in classes=."
    )


def test_one_class_is_an_error():
    assert message(lambda: learned(["a", "a"])) == (
        "The table has one class only in the training rows: 'a' (column 'y'). Give rows of another "
        "class, or task='regression' for values."
    )


def test_several_columns_are_values():
    table = as_table({"y": ["a", "b"], "z": [1, 2]})
    assert message(
        lambda: Target.learn(table, ["y", "z"], kind="classification", classes=None)
    ) == ("Classes are in one column; y_cols names 2: y, z.")
    with pytest.raises(
        DataError, match=r"row 0 .* has 'a' in the column 'y', whose values are num"
    ):
        Target.learn(table, ["y", "z"], kind=None, classes=None)
    with pytest.raises(DataError, match="y_cols must name the column to predict"):
        Target.learn(table, [], kind=None, classes=None)


def test_whole_numbers_are_one_class_however_they_are_written():
    target = learned(["1.0", "0.0", "1"], kind="classification")
    assert target.classes == ("0", "1")
    assert target.y(as_table({"y": ["1", 0.0, "1.0"]})).tolist() == [1, 0, 1]
    given = learned([1.0, 0.0], kind="classification", classes=[1.0, 0.0])
    assert given.classes == ("1.0", "0.0")
    assert given.y(as_table({"y": ["1", 0.0]})).tolist() == [0, 1]
    table = as_table({"y": ["1.0", "", "0"]})
    assert labels_of(table, ["y"], "classification") == ["1", "", "0"]


def test_a_count_that_training_did_not_see_is_perhaps_a_value():
    target = learned([0, 1, 2])
    assert message(lambda: target.y(as_table({"y": [20]}))) == (
        "The table, row 0 (counted from 0) has 20 in the column 'y', which is none of the classes "
        "['0', '1', '2']. Give every class in classes=, or task='regression' if these are values."
    )


def test_what_targets_look_like_does_not_depend_on_gaps():
    table = as_table({"y": [1, None, 2]})
    assert kind_of(table, ["y"], None, None) == "classification"
    assert labels_of(table, ["y"], None) == ["1", "", "2"]
    many = as_table({"y": list(range(30))})
    assert labels_of(many, ["y"], None) is None
    assert labels_of(many, ["y"], None, classes=range(30))[:2] == ["0", "1"]
