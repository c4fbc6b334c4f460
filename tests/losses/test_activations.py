"""Each loss has its activation."""

import functools
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.losses import ACTIVATIONS, activation_name, activation_of, default_loss

PREDS = torch.tensor([[0.0, 1.0, 2.0], [3.0, -1.0, 0.5]])


class Smoothed(nn.CrossEntropyLoss):
    """A subclass of a known loss."""


class Focal(nn.Module):
    """A loss that says its activation."""

    activation = "softmax"


def own(preds: Tensor, targets: Tensor) -> Tensor:
    return preds.mean()


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (F.cross_entropy, "softmax"),
        (nn.CrossEntropyLoss(label_smoothing=0.1), "softmax"),
        (functools.partial(F.cross_entropy, label_smoothing=0.1), "softmax"),
        (Smoothed(), "softmax"),
        (Focal(), "softmax"),
        (nn.BCEWithLogitsLoss(), "sigmoid"),
        (F.binary_cross_entropy_with_logits, "sigmoid"),
        (default_loss(torch.tensor([[True]])), "sigmoid"),
        (nn.NLLLoss(), "exp"),
        (nn.MSELoss(), "identity"),
        (F.mse_loss, "identity"),
        (own, "identity"),
    ],
)
def test_a_loss_knows_its_activation(loss: Any, name: str) -> None:
    assert activation_name(loss) == name
    assert activation_of(loss) is ACTIVATIONS[name]


def test_timms_losses_are_known_by_name() -> None:
    timm_loss = pytest.importorskip("timm.loss")
    assert activation_name(timm_loss.LabelSmoothingCrossEntropy()) == "softmax"
    assert activation_name(timm_loss.SoftTargetCrossEntropy()) == "softmax"
    assert activation_name(timm_loss.BinaryCrossEntropy()) == "sigmoid"


def test_a_misspelt_activation_names_the_nearest_one() -> None:
    loss = Focal()
    loss.activation = "sofmax"
    with pytest.raises(ModelError) as caught:
        activation_of(loss)
    assert str(caught.value) == (
        "Focal.activation is 'sofmax'; it must be one of exp, identity, sigmoid, softmax."
        " Did you mean 'softmax'?"
    )


def test_activations_give_probabilities() -> None:
    torch.testing.assert_close(ACTIVATIONS["softmax"](PREDS).sum(1), torch.ones(2))
    torch.testing.assert_close(ACTIVATIONS["softmax"](PREDS[0]), PREDS[0].softmax(0))
    dense = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(ACTIVATIONS["softmax"](dense).sum(1), torch.ones(2, 4, 4))
    torch.testing.assert_close(ACTIVATIONS["sigmoid"](torch.zeros(2)), torch.full((2,), 0.5))
    torch.testing.assert_close(ACTIVATIONS["exp"](PREDS.log_softmax(1)), PREDS.softmax(1))
    assert ACTIVATIONS["identity"](PREDS) is PREDS


@pytest.mark.parametrize("name", ["softmax", "sigmoid", "exp"])
def test_half_precision_is_read_in_full(name: str) -> None:
    assert ACTIVATIONS[name](PREDS.bfloat16()).dtype == torch.float32
    assert ACTIVATIONS[name](PREDS.double()).dtype == torch.float64
