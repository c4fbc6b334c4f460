"""The target is the input: its space, its noise, what metrics get, and how it is read."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.json_fields import Fields
from learnkit.tasks.reading import task_from
from learnkit.tasks.reconstruction import Reconstruction
from learnkit.types import Batch

X = torch.rand(4, 1, 3, 5, generator=torch.Generator().manual_seed(0))
Y = torch.zeros(4, dtype=torch.int64)


class Keeps(nn.Module):
    """Gives back what it gets, and remembers it."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return x


def test_the_target_is_the_picture_and_the_loss_its_mean_squared_error() -> None:
    task, batch = Reconstruction(), Batch(X, Y)
    assert float(task.loss(task.forward(Keeps(), batch), batch)) == 0
    torch.testing.assert_close(task.loss(X + 0.5, batch), torch.tensor(0.25))


def test_noise_is_added_in_training_only_and_never_to_the_target() -> None:
    task, model, batch = Reconstruction(noise=0.2), Keeps(), Batch(X, Y)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        preds = task.forward(model, batch)
        torch.manual_seed(3)
        torch.testing.assert_close(model.seen, X + 0.2 * torch.randn_like(X))
    torch.testing.assert_close(task.loss(preds, batch), F.mse_loss(preds, X))
    assert torch.equal(task.forward(model.eval(), batch), X)


def test_metrics_get_the_activated_reconstruction_and_the_clean_picture() -> None:
    batch = Batch(X, Y)
    for loss, expected in ((F.mse_loss, X), (nn.BCEWithLogitsLoss(), X.sigmoid())):
        preds, target = Reconstruction(loss).compare(X, batch)
        assert torch.equal(preds, expected)
        assert torch.equal(target, X)


def test_pictures_of_one_channel_and_of_bytes_are_taken_too() -> None:
    raw = (X[:, 0] * 255).byte()
    batch, task = Batch(raw, Y), Reconstruction()
    assert torch.equal(task.forward(Keeps(), batch), raw.float() / 255)
    for preds in (raw.float() / 255, raw[:, None].float() / 255):
        task.check(preds, batch)
        assert float(task.loss(preds, batch)) == 0


@pytest.mark.parametrize(
    ("x", "preds", "message"),
    [
        (
            X,
            X[:, :, :2],
            "the model returned (4, 1, 2, 5) for pictures (4, 1, 3, 5); a reconstruction has the "
            "shape of its picture.",
        ),
        (
            X * 16,
            X,
            f"pictures must be in [0, 1] here; these have values from {float(X.min() * 16):.4g} to "
            f"{float(X.max() * 16):.4g}. Divide them by their highest value, and leave normalize= "
            "out.",
        ),
        (
            X * float("nan"),
            X,
            "pictures must be in [0, 1] here; these have values from nan to nan. Divide them by "
            "their highest value, and leave normalize= out.",
        ),
        (
            X.flatten(1),
            X,
            "pictures (B, C, H, W) or (B, H, W) are needed; found (4, 15).",
        ),
        (
            X,
            (X,),
            "the model returned a tuple; it must return one Tensor (B, C, H, W), the "
            "reconstruction.",
        ),
    ],
)
def test_what_does_not_fit_is_said(x: Tensor, preds: Any, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        Reconstruction().check(preds, Batch(x, Y))
    assert str(caught.value) == message


@pytest.mark.parametrize("noise", [-0.1, 101.0, True, float("nan")])
def test_noise_out_of_range_is_refused(noise: Any) -> None:
    with pytest.raises(ValueError, match="noise must be a number from 0 to 100; got"):
        Reconstruction(noise=noise)


def test_a_prediction_is_a_picture_in_its_range() -> None:
    row = torch.tensor([[[-0.5, 0.5], [1.5, 0.0]]])
    answer = Reconstruction().decode(row)
    assert torch.equal(answer.value, torch.tensor([[[0.0, 0.5], [1.0, 0.0]]]))
    assert str(answer) == "a picture of 1 x 2 x 2, on average 0.375"
    assert answer.probabilities.tolist() == row.tolist()
    assert Reconstruction().is_right(answer, Y[0]) is None
    assert Reconstruction().describe(Y[0]) == ""


def test_a_prediction_is_painted_in_place_of_the_photo_and_a_label_is_not() -> None:
    task, photo = Reconstruction(), torch.rand(3, 4, 4)
    grey = task.paint(photo, torch.full((1, 2, 2), 0.25))
    assert torch.equal(grey, torch.full((3, 4, 4), 0.25))
    assert torch.equal(task.paint(photo, torch.full((2, 2), 0.5)), torch.full((3, 4, 4), 0.5))
    assert torch.equal(task.paint(photo, photo.flip(0)), photo.flip(0))
    assert task.paint(photo, Y[0]) is photo


def test_an_export_keeps_the_noise_and_bounds_it() -> None:
    options = Reconstruction(noise=0.5).options()
    read = task_from("reconstruction", (), "identity", Fields(options))
    assert isinstance(read, Reconstruction)
    assert (read.noise, read.activation) == (0.5, "identity")
    with pytest.raises(ModelError, match="this task came with an export, which keeps no loss"):
        read.loss(X, Batch(X, Y))
    with pytest.raises(ValueError, match="field 'noise' must be a number between 0 and 100"):
        task_from("reconstruction", (), "identity", Fields({"noise": 1e9}))
