"""Classification: one class for each sample."""

import pytest
import torch
from torch.nn import functional

from learnkit.errors import ExportError
from learnkit.json_fields import Fields
from learnkit.tasks import Classification
from learnkit.tasks.classification import read
from learnkit.types import Batch

TASK = Classification(functional.cross_entropy, ("ant", "bee", "cat"))
ROW = torch.tensor([0.125, 0.625, 0.25])


def test_the_most_probable_class_is_the_answer() -> None:
    found = TASK.decode(ROW)
    assert (found.label, found.index, found.value, found.labels) == ("bee", 1, "bee", ("bee",))
    assert (found.probability, str(found)) == (0.625, "bee (62.5%)")
    assert found.top(2) == [("bee", 0.625), ("cat", 0.25)]
    assert found.classes == TASK.classes
    assert torch.equal(found.probabilities, ROW)


def test_an_answer_is_right_when_it_is_the_target() -> None:
    assert TASK.is_right(TASK.decode(ROW), torch.tensor(1)) is True
    assert TASK.is_right(TASK.decode(ROW), torch.tensor(0)) is False


def test_targets_are_said_by_name_and_unknown_ones_by_number() -> None:
    said = [TASK.describe(torch.tensor(place)) for place in (0, 2, 7, -1)]
    assert said == ["ant", "cat", "7", "-1"]


def test_too_few_numbers_are_no_answer() -> None:
    with pytest.raises(ExportError) as caught:
        TASK.decode(torch.zeros(2))
    assert str(caught.value) == (
        "the model answers with 2 numbers, but its card names 3 classes; the export was changed or "
        "put together wrongly."
    )


def test_without_classes_the_values_are_the_answer() -> None:
    found = Classification(functional.cross_entropy).decode(torch.tensor([0.5, 2.0]))
    assert (found.label, found.index, found.probability, str(found)) == ("", 1, 2.0, "0.5, 2")
    assert torch.equal(found.value, torch.tensor([0.5, 2.0]))


def test_nothing_is_painted_and_every_batch_is_alike() -> None:
    photo = torch.rand(3, 4, 4)
    assert TASK.paint(photo, torch.tensor(1)) is photo
    assert TASK.turn(7) is TASK
    assert (TASK.kind, TASK.moves, TASK.paints, TASK.options()) == ("classification", "", False, {})


def test_metrics_are_given_predictions_and_targets() -> None:
    batch = Batch(torch.zeros(2, 4), torch.tensor([0, 1]))
    preds = torch.zeros(2, 3)
    assert TASK.compare(preds, batch) == (preds, batch.y)
    assert TASK.targets(batch) is batch.y


def test_an_export_s_task_reads_the_same() -> None:
    again = read(TASK.classes, TASK.activation, Fields(TASK.options()))
    assert again.activation == TASK.activation == "softmax"
    assert str(again.decode(ROW)) == str(TASK.decode(ROW))
