import pytest
import torch

from learnkit.data.text.labels import targets_of
from learnkit.data.text.rows import TextRows
from learnkit.data.text.sides import TextSides
from learnkit.errors import DataError
from learnkit.tasks import MultiLabel


def sides_of(train, valid, several=False):
    parts = []
    for labels, where in ((train, "the training part"), (valid, "the validation part")):
        sets = [tuple(cell.split()) for cell in labels] if several else None
        rows = [f"row {i}" for i in range(len(labels))]
        parts.append(TextRows(["t"] * len(labels), labels, rows, where, sets))
    return TextSides(*parts, "Take another seed.", "")


def test_one_class_each_becomes_numbers_in_the_order_of_the_names():
    found = targets_of(sides_of(["spam", "ham", "ham"], ["spam"]), None)
    assert found.classes == ("ham", "spam")
    assert found.train.tolist() == [1, 0, 0]
    assert found.valid.tolist() == [1]
    assert found.task is None
    assert targets_of(sides_of(["b", "a"], ["b"]), ["b", "a", "c"]).train.tolist() == [0, 1]


def test_several_labels_become_booleans_and_a_text_may_have_none():
    found = targets_of(sides_of(["a b", "", " c  a "], ["b"], several=True), None)
    assert found.classes == ("a", "b", "c")
    assert found.train.tolist() == [[True, True, False], [False] * 3, [True, False, True]]
    assert found.valid.dtype == torch.bool
    assert isinstance(found.task, MultiLabel)
    assert found.task.classes == found.classes


@pytest.mark.parametrize(
    ("train", "valid", "given", "several", "message"),
    [
        (["x", "x"], ["x"], None, False, "Training needs texts of at least two classes: all 2 of "
         "the training part are of class 'x'."),
        (["x", "y"], ["z"], None, False, "Class 'z' is in the validation part but not in the "
         "training part, which has 'x', 'y'. Take another seed."),
        (["x", "y"], ["x"], ["x", "z"], False, "Class 'y' of the training part is not in "
         "classes=['x', 'z']. Name it there, or leave its texts out."),
        (["cat dog"], ["cat dogs"], None, True, "row 0 has the label 'dogs', which is not among "
         "those of training ['cat', 'dog']. Did you mean 'dog'? Take another seed."),
        (["", ""], ["a"], None, True, "No text of the training part has a label."),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_learned_are_refused(train, valid, given, several, message):
    with pytest.raises(DataError) as caught:
        targets_of(sides_of(train, valid, several), given)
    assert str(caught.value) == message
