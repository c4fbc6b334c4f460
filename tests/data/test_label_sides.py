import numpy as np
import pytest
import torch

from learnkit.data.bunch import DataBunch
from learnkit.data.splitters import stratified_splitter
from learnkit.errors import DataError

X = np.arange(12.0).reshape(6, 2)


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def test_one_class_cannot_be_learned():
    assert message_of(DataBunch.from_arrays, X, ["ant"] * 6) == (
        "Training needs samples of at least two classes: all 5 are of class 'ant'."
    )


def test_a_class_in_validation_alone_is_an_error_unless_it_is_named():
    y, other = [0, 1] * 3, (X[:2], [0, 2])
    assert message_of(DataBunch.from_arrays, X, y, valid=other) == (
        "Class '2' is among the validation samples alone: training has '0', '1'. Add training "
        "samples of it, or give every class in classes=."
    )
    with pytest.warns(UserWarning, match="Class 'b' is trained on"):
        data = DataBunch.from_arrays(X, y, valid=other, classes=["a", "b", "c"], batch_size=4)
    assert data.classes == ("a", "b", "c")


def test_a_random_split_that_leaves_a_class_to_validation_names_the_way_out():
    y = ["a", "a", "b", "b", "b", "c"]
    split = ([0, 1, 2, 3], [4, 5])
    assert message_of(DataBunch.from_arrays, X, y, split=split) == (
        "Class 'c' is among the validation samples alone: training has 'a', 'b'. Add training "
        "samples of it, or give every class in classes=."
    )
    seed = next(s for s in range(20) if _leaves_c(y, s))
    assert message_of(DataBunch.from_arrays, X, y, valid_pct=0.2, seed=seed) == (
        "Class 'c' is among the validation samples alone: training has 'a', 'b'. Pass "
        "split=stratified_splitter(), another seed, or every class in classes=."
    )
    with pytest.warns(UserWarning, match="trained on, but validation has no sample"):
        DataBunch.from_arrays(X, y, split=stratified_splitter(0.2, seed=seed), batch_size=2)


def _leaves_c(y, seed):
    try:
        DataBunch.from_arrays(X, y, valid_pct=0.2, seed=seed, batch_size=2)
    except DataError:
        return True
    return False


def test_a_class_that_validation_has_not_is_one_warning():
    with pytest.warns(UserWarning, match="trained on") as caught:
        DataBunch.from_arrays(X, [0, 1, 2] * 2, valid=(X[:1], [0]), batch_size=4)
    assert [str(warning.message) for warning in caught] == [
        "Classes '1', '2' are trained on, but validation has no sample of these 2: what validation "
        "says does not hold for them. Add some there, or hold a part of each class out: "
        "split=stratified_splitter()."
    ]


def test_values_and_several_labels_are_let_be():
    assert DataBunch.from_arrays(X, np.ones(6), batch_size=2).classes == ()
    several = torch.zeros(6, 2, dtype=torch.bool)
    assert DataBunch.from_arrays(X, several, classes=["a", "b"], batch_size=2).n_classes == 2
