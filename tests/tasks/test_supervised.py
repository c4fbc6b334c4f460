"""Task: from a batch to predictions and a loss, and what cannot belong together."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from learnkit.errors import ModelError
from learnkit.tasks import Supervised, check_loss
from learnkit.types import Batch

CLASSES = ("cat", "dog", "fox")
Y = torch.tensor([0, 2])


def batch(y: Tensor = Y) -> Batch:
    return Batch(torch.ones(len(y), 4), y)


@pytest.fixture
def task() -> Supervised:
    return Supervised(functional.cross_entropy, CLASSES)


def told(task: Supervised, preds: Any, y: Tensor = Y) -> str:
    with pytest.raises(ModelError) as caught:
        task.check(preds, batch(y))
    return str(caught.value)


def test_forward_and_loss_are_the_models_and_the_loss_functions(task: Supervised) -> None:
    model = nn.Linear(4, 3)
    preds = task.forward(model, batch())
    assert torch.equal(preds, model(torch.ones(2, 4)))
    assert torch.equal(task.loss(preds, batch()), functional.cross_entropy(preds, Y))


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        (functional.cross_entropy, "softmax"),
        (nn.CrossEntropyLoss(label_smoothing=0.1), "softmax"),
        (nn.BCEWithLogitsLoss(), "sigmoid"),
        (functional.mse_loss, "identity"),
    ],
)
def test_the_activation_belongs_to_the_loss(loss: Any, activation: str) -> None:
    task = Supervised(loss)
    preds = torch.tensor([[0.0, 1.0]])
    by_name = {
        "softmax": preds.softmax(1),
        "sigmoid": preds.sigmoid(),
        "identity": preds,
    }
    assert task.activation == activation
    torch.testing.assert_close(task.activate(preds), by_name[activation])


def test_what_fits_passes(task: Supervised) -> None:
    task.check(torch.zeros(2, 3), batch())
    Supervised(functional.mse_loss).check(torch.zeros(2, 7), batch(torch.zeros(2, 7)))


def test_mixed_targets_are_not_checked_as_labels(task: Supervised) -> None:
    task.check(torch.zeros(2, 3), batch(torch.full((2, 3), 1 / 3)))


def test_an_output_of_another_width_names_both(task: Supervised) -> None:
    expected = (
        "the model's output has width 1000, but the data has 3 classes (cat, dog, fox). "
        "Give the last layer 3 outputs."
    )
    assert told(task, torch.zeros(2, 1000)) == expected


def test_an_output_without_a_width_counts_as_one(task: Supervised) -> None:
    expected = (
        "the model's output has width 1, but the data has 3 classes (cat, dog, fox). "
        "Give the last layer 3 outputs."
    )
    assert told(task, torch.zeros(2)) == expected


def test_of_many_classes_a_few_are_named() -> None:
    many = Supervised(functional.cross_entropy, tuple("abcdefgh"))
    expected = (
        "the model's output has width 3, but the data has 8 classes (a, b, c, d, e, ...). "
        "Give the last layer 8 outputs."
    )
    assert told(many, torch.zeros(2, 3)) == expected


@pytest.mark.parametrize(("labels", "wrong"), [([0, 3], 3), ([-1, 2], -1), ([-2, 9], -2)])
def test_a_label_out_of_range_is_named(task: Supervised, labels: list[int], wrong: int) -> None:
    expected = (
        f"a label is {wrong}, but with 3 classes labels run from 0 to 2. "
        "Check the dataset's targets."
    )
    assert told(task, torch.zeros(2, 3), torch.tensor(labels)) == expected


def test_another_number_of_predictions_is_named(task: Supervised) -> None:
    expected = (
        "the model returned 5 predictions for 2 samples; the first dimension must be the batch."
    )
    assert told(task, torch.zeros(5, 3)) == expected


def test_a_model_must_return_one_tensor(task: Supervised) -> None:
    expected = "the model returned a tuple; it must return one Tensor (B, K)."
    assert told(task, (torch.zeros(2, 3), None)) == expected


@pytest.mark.parametrize(
    "y", [torch.tensor([0, 1]).int(), torch.tensor([[0], [1]]), torch.tensor([0.0, 1.0])]
)
def test_targets_that_cross_entropy_cannot_take_are_described(y: Tensor) -> None:
    message = told(Supervised(nn.CrossEntropyLoss()), torch.zeros(2, 3), y)
    assert message == (
        "cross entropy takes class numbers, int64 of shape (2,); the targets are "
        f"{str(y.dtype).removeprefix('torch.')} of shape {tuple(y.shape)}. "
        "Change them in the dataset: y.long(), y.squeeze(1)."
    )


def test_probabilities_and_ignored_labels_are_targets_of_cross_entropy() -> None:
    task = Supervised(functional.cross_entropy)
    task.check(torch.zeros(2, 3), batch(torch.full((2, 3), 1 / 3)))
    task.check(torch.zeros(2, 3), batch(torch.tensor([-100, 2])))
    task.check(torch.zeros(2, 3, 4, 4), batch(torch.zeros(2, 4, 4, dtype=torch.int64)))


def test_a_label_beyond_the_output_is_named_without_classes() -> None:
    assert told(Supervised(functional.cross_entropy), torch.zeros(2, 2)) == (
        "a label is 2, but the model's output has width 2. "
        "Give the last layer as many outputs as there are classes."
    )


@pytest.mark.parametrize("loss", [functional.mse_loss, nn.MSELoss(), nn.L1Loss()])
def test_values_of_another_shape_are_not_spread_over_each_other(loss: Any) -> None:
    assert told(Supervised(loss), torch.zeros(2, 1), torch.zeros(2)) == (
        "the model returned values of shape (2, 1) for targets of shape (2,), and this loss "
        "compares them one by one. Give both one shape: nn.Flatten(0) at the end of the model, or "
        "targets y[:, None]."
    )


@pytest.mark.parametrize(
    ("loss", "found"), [(1.0, "float"), (torch.zeros(3), "a Tensor of shape (3,)")]
)
def test_a_loss_is_one_scalar(loss: object, found: str) -> None:
    with pytest.raises(ModelError) as caught:
        check_loss(loss, nn.Linear(1, 1), training=False)
    assert str(caught.value) == (
        f"loss_func returned {found}; it must return a scalar Tensor, the mean over the batch."
    )


@pytest.mark.parametrize(
    ("frozen", "expected"),
    [
        (
            True,
            "no weight of the model trains: each has requires_grad=False. learn.unfreeze() "
            "lets all of them train.",
        ),
        (
            False,
            "the loss does not depend on any weight that trains, so there is no gradient. Compute "
            "it from preds by torch functions, without detach(), item() or numpy().",
        ),
    ],
)
def test_a_loss_without_a_gradient_says_why(frozen: bool, expected: str) -> None:
    model = nn.Linear(1, 1).requires_grad_(not frozen)
    with pytest.raises(ModelError) as caught:
        check_loss(torch.zeros(()), model, training=True)
    assert str(caught.value) == expected
    check_loss(torch.zeros(()), model, training=False)


@pytest.mark.parametrize("loss", [functional.nll_loss, torch.nn.NLLLoss()])
def test_mixed_targets_for_a_loss_of_class_numbers_are_refused(loss: Any) -> None:
    mixed = torch.tensor([[0.3, 0.7], [1.0, 0.0], [0.5, 0.5]])
    assert told(Supervised(loss), torch.zeros(3, 2), mixed) == (
        "this loss takes class numbers, int64 (B,); the targets are float32 (3, 2), as MixUp and "
        "CutMix make them. Leave these out, or take cross entropy and a model that gives logits."
    )
    Supervised(loss).check(torch.zeros(3, 2), Batch(torch.zeros(3, 2), torch.tensor([0, 1, 1])))


def test_a_loss_that_can_check_its_targets_does() -> None:
    from learnkit.losses import FocalLoss

    with pytest.raises(ModelError, match="FocalLoss"):
        Supervised(FocalLoss()).check(
            torch.zeros(3, 2), Batch(torch.zeros(3, 2), torch.tensor([0, 1, 9]))
        )
