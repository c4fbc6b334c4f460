"""Samples of any loader, by their numbers."""

import numpy as np
import pytest
import torch

from learnkit.data.doctor.rows import Rows
from learnkit.types import Batch, Loaded


class Few:
    """A loader of the batches given."""

    def __init__(self, *batches):
        self._batches = batches

    def batches(self, epoch, *, start=0):
        first = 0
        for x, y in self._batches:
            n = len(y)
            yield Loaded(Batch(x, y), np.arange(first, first + n))
            first += n

    def describe(self, index):
        return f"sample {index}"


def rows_of(*batches, classes=("a", "b")):
    rows = Rows()
    rows.read("train", Few(*batches), classes)
    return rows


def test_samples_have_names_and_labels():
    rows = rows_of((torch.zeros(2, 3), torch.tensor([0, 1])), (torch.ones(1, 3), torch.tensor([1])))
    assert [tuple(sample) for sample in rows.samples] == [
        ("train", "train sample 0", "a"),
        ("train", "train sample 1", "b"),
        ("train", "train sample 2", "b"),
    ]
    assert rows.findings(2) == []


def test_equal_numbers_have_equal_digests_and_others_have_not():
    x = torch.tensor([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0]])
    rows = rows_of((x, torch.zeros(3)), (x[:1].int(), torch.zeros(1)))
    first, second, third, other_type = rows.digests
    assert first == second
    assert len({first, third, other_type}) == 3


def test_the_layout_in_memory_does_not_matter():
    x = torch.rand(2, 3, 4, 4)
    plain = rows_of((x, torch.zeros(2)))
    last = rows_of((x.to(memory_format=torch.channels_last), torch.zeros(2)))
    assert plain.digests == last.digests
    assert plain.wide
    assert not rows_of((torch.zeros(2, 3), torch.zeros(2))).wide


def test_nested_inputs_count_in_all_their_parts():
    def batch(second):
        return {"ids": torch.tensor([[1], [1]]), "more": (torch.tensor(second), "text")}

    equal = rows_of((batch([5, 5]), torch.zeros(2))).digests
    other = rows_of((batch([5, 6]), torch.zeros(2))).digests
    assert equal[0] == equal[1] == other[0] != other[1]


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.int8, torch.complex64])
def test_inputs_of_any_type_are_compared(dtype):
    x = torch.tensor([[0, 1], [1, 1], [0, 1]]).to(dtype)
    first, second, third = rows_of((x, torch.zeros(3))).digests
    assert first == third != second


def test_inputs_without_numbers_are_equal():
    assert len(set(rows_of((torch.zeros(2, 0), torch.zeros(2))).digests)) == 1


def test_inputs_that_are_no_tensors_are_not_compared():
    assert rows_of((["text", "text"], torch.zeros(2))).digests == [None, None]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_named(bad):
    x, y = torch.zeros(3, 2), torch.zeros(3)
    x[1, 0], y[2] = bad, bad
    (found,) = rows_of((x, y)).findings(0)
    assert (found.kind, found.severity) == ("not finite", "error")
    assert found.files == ("train sample 1", "train sample 2")
    assert found.words == "2 samples have NaN or infinity: train sample 1, train sample 2"


def test_labels_outside_of_the_classes_are_named():
    y = torch.tensor([0, 2, -1, -100, 1])
    rows = rows_of((torch.zeros(5, 1), y))
    (found,) = rows.findings(2)
    assert (found.kind, found.severity) == ("label", "error")
    assert found.words == "2 labels are outside 0 to 1: train sample 1 (2), train sample 2 (-1)"
    assert [sample.label for sample in rows.samples] == ["a", None, None, None, "b"]


@pytest.mark.parametrize("y", [torch.zeros(2), torch.zeros(2, 3), torch.zeros(2, 3).long()])
def test_targets_that_are_no_classes_have_no_labels(y):
    rows = rows_of((torch.zeros(2, 1), y))
    assert [sample.label for sample in rows.samples] == [None, None]
    assert rows.findings(2) == []


def test_numbers_without_classes_are_no_labels():
    rows = rows_of((torch.zeros(2, 1), torch.tensor([7, 8])), classes=())
    assert [sample.label for sample in rows.samples] == [None, None]
    assert rows.findings(0) == []
