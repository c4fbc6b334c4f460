"""The loss that goes with targets."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from learnkit.errors import ModelError
from learnkit.losses import default_loss

PREDS = torch.tensor([[0.0, 1.0, 2.0], [3.0, -1.0, 0.5]])


@pytest.mark.parametrize(
    ("targets", "reference"),
    [
        (torch.tensor([2, 0]), F.cross_entropy),
        (torch.tensor([2, 0], dtype=torch.uint8), None),
        (torch.rand(2, 3), F.mse_loss),
        (torch.tensor([[True, False, True], [False, False, True]]), "bce"),
    ],
    ids=["classes", "small integers", "values", "several labels"],
)
def test_the_default_loss_follows_the_targets(targets: Tensor, reference: Any) -> None:
    loss = default_loss(targets)
    if reference is None:
        assert loss is F.cross_entropy
        return
    if reference == "bce":
        expected = F.binary_cross_entropy_with_logits(PREDS, targets.float())
    else:
        expected = reference(PREDS, targets)
    torch.testing.assert_close(loss(PREDS, targets), expected)


def test_there_is_no_default_for_complex_targets() -> None:
    with pytest.raises(ModelError) as caught:
        default_loss(torch.zeros(2, dtype=torch.complex64))
    expected = "there is no default loss for targets of dtype torch.complex64; pass loss_func=."
    assert str(caught.value) == expected
