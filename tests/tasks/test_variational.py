"""The bound of Kingma and Welling, its terms, and what is drawn when."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from learnkit.errors import ModelError
from learnkit.json_fields import Fields
from learnkit.models.autoencoders import vae
from learnkit.tasks.reading import task_from
from learnkit.tasks.variational import Variational, unpacked
from learnkit.types import Batch

X = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
BATCH = Batch(X, torch.zeros(6, dtype=torch.int64))


def model() -> Any:
    return vae((1, 4, 4), 3, hidden=[8], seed=1)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_loss_is_the_bound_by_pixels_as_torchs_distributions_have_it(beta: float) -> None:
    task = Variational(F.binary_cross_entropy, beta=beta)
    preds = task.forward(model(), BATCH)
    pictures, mean, log_variance = unpacked(preds, BATCH)
    codes = Normal(mean, (0.5 * log_variance).exp())
    divergence = kl_divergence(codes, Normal(0.0, 1.0)).sum(1)
    error = F.binary_cross_entropy(pictures, X, reduction="none").flatten(1).sum(1)
    expected = (error + beta * divergence).mean() / 16
    torch.testing.assert_close(task.loss(preds, BATCH), expected)


def test_codes_are_drawn_in_training_and_are_their_mean_in_validation() -> None:
    task, net = Variational(), model()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        drawn = unpacked(task.forward(net, BATCH), BATCH)
        torch.manual_seed(5)
        noise = torch.randn(6, 3)
    mean, log_variance = net.stats(X)
    codes = mean + noise * (0.5 * log_variance).exp()
    torch.testing.assert_close(drawn[0], net.decode(codes))
    found = unpacked(task.forward(net.eval(), BATCH), BATCH)
    torch.testing.assert_close(found, (net(X), mean, log_variance))


def test_predictions_are_one_tensor_and_metrics_get_the_pictures_alone() -> None:
    task, net = Variational(), model().eval()
    preds = task.forward(net, BATCH)
    task.check(preds, BATCH)
    assert preds.shape == (6, 16 + 2 * 3)
    pictures, target = task.compare(preds, BATCH)
    torch.testing.assert_close(pictures, net(X))
    assert torch.equal(target, X)


def test_a_model_without_its_methods_is_refused_in_words() -> None:
    with pytest.raises(ModelError) as caught:
        Variational().forward(nn.Linear(2, 2), BATCH)
    assert str(caught.value) == (
        "Linear has no stats(x) -> (mean, log variance) and decode(codes); a variational task "
        "needs both. learnkit.models.vae makes such a model."
    )


class Small(nn.Module):
    """Its pictures are smaller than the data's."""

    def stats(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, 0, :2, 0], x[:, 0, :2, 1]

    def decode(self, codes: Tensor) -> Tensor:
        return codes[:, None, None, :].sigmoid()


def test_pictures_of_another_size_are_refused_in_words() -> None:
    task = Variational()
    with pytest.raises(ModelError) as caught:
        task.check(task.forward(Small(), BATCH), BATCH)
    assert str(caught.value) == (
        "the model's pictures and codes have 6 numbers together, for pictures (6, 1, 4, 4); "
        "decode() must give pictures of this shape."
    )


def test_pictures_outside_of_their_range_are_refused() -> None:
    task, batch = Variational(), BATCH._replace(x=X * 3)
    with pytest.raises(ModelError, match=r"pictures must be in \[0, 1\] here"):
        task.check(task.forward(model(), batch), batch)


@pytest.mark.parametrize("beta", [-1.0, 1e7, True, float("nan")])
def test_a_beta_out_of_range_is_refused(beta: Any) -> None:
    with pytest.raises(ValueError, match="beta must be a number from 0 to 1e"):
        Variational(beta=beta)


def test_an_export_keeps_noise_and_beta() -> None:
    task = Variational(noise=0.25, beta=2.0)
    read = task_from("variational", (), "identity", Fields(task.options()))
    assert isinstance(read, Variational)
    assert (read.kind, read.noise, read.beta) == ("variational", 0.25, 2.0)
