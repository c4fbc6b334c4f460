"""Regression: values for each sample."""

import pytest
import torch
from torch.nn import functional

from learnkit.errors import ModelError
from learnkit.json_fields import Fields
from learnkit.tasks import Regression
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.prediction import numbers
from learnkit.tasks.reading import TASK_KINDS, task_from
from learnkit.tasks.regression import read

TASK = Regression(functional.mse_loss, (), ("height", "width"))


def test_the_values_are_the_answer() -> None:
    found = TASK.decode(torch.tensor([1.5, -2.0]))
    assert torch.equal(found.value, torch.tensor([1.5, -2.0]))
    assert (found.label, found.probability, str(found)) == ("", 1.5, "height 1.5, width -2")


def test_one_value_may_have_no_dimension() -> None:
    found = Regression(functional.mse_loss).decode(torch.tensor(0.25))
    assert (float(found.value), str(found)) == (0.25, "0.25")


def test_values_without_names_are_said_as_numbers() -> None:
    assert TASK.describe(torch.tensor([1.0, 2.0, 3.0])) == "1, 2, 3"
    assert TASK.describe(torch.tensor([1.0, 2.0])) == "height 1, width 2"


def test_many_values_are_cut() -> None:
    assert numbers(torch.arange(100.0)) == "0, 1, 2, 3, 4, 5, 6, 7, ... (100 values)"


def test_values_are_neither_right_nor_wrong() -> None:
    assert TASK.is_right(TASK.decode(torch.zeros(2)), torch.zeros(2)) is None


def test_an_export_s_task_keeps_the_names_and_has_no_loss() -> None:
    again = read((), "identity", Fields(TASK.options()))
    assert str(again.decode(torch.tensor([1.5, -2.0]))) == "height 1.5, width -2"
    with pytest.raises(ModelError) as caught:
        again.loss_func(torch.zeros(1), torch.zeros(1))
    assert str(caught.value) == (
        "this task came with an export, which keeps no loss; give one to a Learner: loss_func=."
    )


def test_every_word_of_an_export_has_its_task() -> None:
    assert "regression" in TASK_KINDS
    task = task_from("regression", (), "identity", Fields({"names": ["a"]}))
    assert task == Regression(NoLoss("identity"), (), ("a",))
