"""MultiLabel: any number of labels for each sample."""

import pytest
import torch

from learnkit.errors import ExportError, ModelError
from learnkit.json_fields import Fields
from learnkit.losses import binary_cross_entropy_of_logits
from learnkit.tasks import MultiLabel
from learnkit.tasks.multilabel import read
from learnkit.types import Batch

TASK = MultiLabel(binary_cross_entropy_of_logits, ("red", "round", "small"), 0.4)
ROW = torch.tensor([0.9, 0.4, 0.41])


def test_labels_above_the_threshold_are_the_answer() -> None:
    found = TASK.decode(ROW)
    assert found.labels == found.value == ("red", "small")
    assert (found.label, found.index, str(found)) == ("red", 0, "red, small")
    assert found.probability == pytest.approx(0.9)


def test_no_label_is_an_answer_too() -> None:
    found = TASK.decode(torch.zeros(3))
    assert (found.labels, str(found)) == ((), "(no label)")
    assert TASK.describe(torch.zeros(3, dtype=torch.bool)) == "(no label)"


def test_an_answer_is_right_when_every_label_is() -> None:
    found = TASK.decode(ROW)
    assert TASK.is_right(found, torch.tensor([True, False, True])) is True
    assert TASK.is_right(found, torch.tensor([True, True, True])) is False
    assert TASK.describe(torch.tensor([True, True, False])) == "red, round"


def test_labels_without_names_are_numbered() -> None:
    task = MultiLabel(binary_cross_entropy_of_logits)
    assert task.decode(torch.tensor([0.1, 0.8, 0.7])).labels == ("1", "2")
    assert task.describe(torch.tensor([True, False])) == "0"


def test_the_activation_is_the_sigmoid() -> None:
    torch.testing.assert_close(TASK.activate(torch.zeros(1, 3)), torch.full((1, 3), 0.5))


@pytest.mark.parametrize("threshold", [-0.1, 1, 1.5])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(ValueError) as caught:
        MultiLabel(binary_cross_entropy_of_logits, (), threshold)
    assert str(caught.value) == f"threshold must be in [0, 1); got {threshold!r}."


def test_an_output_of_another_width_is_named() -> None:
    with pytest.raises(ModelError) as caught:
        TASK.check(torch.zeros(2, 4), Batch(torch.zeros(2, 1), torch.zeros(2, 3).bool()))
    assert str(caught.value) == (
        "the model's output has shape (2, 4), but the data has 3 labels; it must be (B, 3). Give "
        "the last layer 3 outputs."
    )
    TASK.check(torch.zeros(2, 3), Batch(torch.zeros(2, 1), torch.zeros(2, 3).bool()))


def test_an_answer_of_another_width_is_none() -> None:
    with pytest.raises(ExportError) as caught:
        TASK.decode(torch.zeros(2))
    assert str(caught.value) == (
        "the model answers with 2 numbers, but its card names 3 labels; the export was changed or "
        "put together wrongly."
    )


def test_an_export_s_task_keeps_the_threshold() -> None:
    again = read(TASK.classes, TASK.activation, Fields(TASK.options()))
    assert again.decode(ROW).labels == ("red", "small")
    assert again.activation == "sigmoid"


@pytest.mark.parametrize("value", [1.0, -1, "x", None, True])
def test_an_export_s_threshold_is_bounded(value: object) -> None:
    with pytest.raises(ValueError, match="field 'threshold' must be a number between 0 and"):
        read((), "sigmoid", Fields({"threshold": value}))
