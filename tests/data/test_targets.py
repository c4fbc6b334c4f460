import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Subset, TensorDataset

from learnkit.data.bunch import DataBunch
from learnkit.data.targets import encode_targets, known_classes, known_targets
from learnkit.errors import DataError
from learnkit.learner import Learner
from learnkit.metrics import multilabel_accuracy


def message_of(*args):
    with pytest.raises(DataError) as error:
        encode_targets(*args)
    return str(error.value)


def test_names_become_indices_into_the_sorted_names():
    (train, valid), classes = encode_targets([["b", "a", "b"], ["a"]], None)
    assert classes == ("a", "b")
    assert train.tolist() == [1, 0, 1]
    assert valid.tolist() == [0]
    assert train.dtype == torch.int64


def test_whole_numbers_stay_as_they_are():
    (y,), classes = encode_targets([np.array([2, 0], dtype=np.uint8)], None)
    assert classes == ("0", "1", "2")
    assert y.tolist() == [2, 0]
    assert encode_targets([torch.tensor([1, 0])], ["no", "yes"])[1] == ("no", "yes")


def test_real_values_become_float32_and_have_no_classes():
    (y,), classes = encode_targets([np.array([[0.5, 1.0]])], None)
    assert classes == ()
    assert y.dtype == torch.float32
    assert y.shape == (1, 2)


def test_missing_labels_are_counted_and_the_first_is_named():
    said = (
        " labels are missing (NaN), the first in row 1 (counted from 0). "
        "Fill them in, or remove those rows."
    )
    assert message_of([np.array([1.0, np.nan, np.nan])], None) == "2 of 3" + said
    assert message_of([np.array(["a", None], dtype=object)], None) == "1 of 2" + said


def test_labels_that_do_not_fit_are_named():
    assert message_of([[0, -1]], None) == "Labels must be whole numbers from 0 on: found -1."
    assert message_of([[0, 2]], ["a", "b"]) == (
        "A label is 2, but with the 2 classes ['a', 'b'] labels run from 0 to 1."
    )
    assert message_of([["ant", "bee"], ["wasp"]], None) == (
        "Label 'wasp' is not in the classes ['ant', 'bee']. Give every class in classes=."
    )
    assert message_of([3], None) == ("Targets must have one entry for each sample: found shape ().")


def test_a_dataset_tells_its_classes_and_targets_if_it_has_them():
    dataset = TensorDataset(torch.zeros(3, 2), torch.tensor([5, 6, 7]))
    assert known_classes(dataset) is None
    assert known_targets(Subset(dataset, [2, 0])) == [7, 5]
    dataset.classes = ["a", "b"]
    assert known_classes(Subset(dataset, [0])) == ["a", "b"]


def test_booleans_in_rows_are_several_labels_at_once():
    rows = np.array([[True, False, True], [False, False, True]])
    (train, valid), classes = encode_targets([rows, torch.from_numpy(rows[:1])], None)
    assert train.dtype == valid.dtype == torch.bool
    assert train.tolist() == rows.tolist()
    assert classes == ()
    assert encode_targets([rows], ["a", "b", "c"])[1] == ("a", "b", "c")
    assert message_of([rows], ["a", "b"]) == (
        "There are 2 classes ['a', 'b'], but the targets, booleans of shape (2, 3), have 3 labels "
        "each."
    )
    (y,), classes = encode_targets([np.array([True, False])], None)
    assert (y.dtype, y.tolist(), classes) == (torch.int64, [1, 0], ("0", "1"))


def test_boolean_arrays_train_as_the_dataset_of_the_same_samples_does():
    x = torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
    arrays = DataBunch.from_arrays(x[:16], x[:16] > 0, valid=(x[16:], x[16:] > 0), batch_size=4)
    sets = [TensorDataset(part, part > 0) for part in (x[:16], x[16:])]
    dataset = DataBunch.from_dataset(sets[0], valid_ds=sets[1], batch_size=4)
    rows = []
    for data in (arrays, dataset):
        torch.manual_seed(0)
        learn = Learner(data, nn.Linear(4, 4), metrics=multilabel_accuracy, device="cpu")
        rows.append(learn.fit(2, 0.1, progress=False)[-1])
    assert rows[0]["valid_loss"] == rows[1]["valid_loss"] < 0.7
    assert rows[0]["multilabel_accuracy"] == rows[1]["multilabel_accuracy"]
