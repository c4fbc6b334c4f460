"""Give the picture back through a distribution of codes: variational autoencoders."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from learnkit.errors import ModelError
from learnkit.json_fields import Fields
from learnkit.pictures import as_pictures
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.reconstruction import MAX_NOISE, Reconstruction, check_range
from learnkit.types import Batch

MAX_BETA: Final = 1e6


class VariationalModel(Protocol):
    """What a model must have beside ``model(x)``, the reconstruction of the mean."""

    def stats(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the codes, (B, Z) each."""

    def decode(self, codes: Tensor) -> Tensor:
        """Return pictures (B, C, H, W) of codes (B, Z)."""


@dataclass(frozen=True)
class Variational(Reconstruction):
    """A reconstruction from a code that is drawn, and codes that are to be standard normal.

    Kingma and Welling 2014 (arXiv 1312.6114), equation 10, as a loss to be minimised and divided by
    the number of pixels P, so that it does not grow with the picture:

    ``loss_func(reconstruction, picture) + beta / P * KL(N(mean, variance), N(0, 1))``

    ``loss_func`` is a mean over pixels. With binary cross entropy and beta 1 this is the bound of
    the paper; mean squared error stands for normal pixels of variance 1/2. Another beta is that of
    Higgins et al. 2017 (beta-VAE, ICLR). While the model trains, codes are drawn, by torch's
    generator; in validation each is its mean.

    The predictions (B, P + 2Z) that hooks see are reconstruction, mean and log variance, side by
    side; metrics get the reconstruction alone. The model needs `VariationalModel`'s methods.

    Attributes:
        beta: weight of the divergence, from 0.

    Raises:
        ValueError: when ``beta`` or ``noise`` is out of range.
    """

    beta: float = 1.0

    kind: ClassVar[str] = "variational"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.beta, bool) or not 0 <= self.beta <= MAX_BETA:
            raise ValueError(f"beta must be a number from 0 to {MAX_BETA:g}; got {self.beta!r}.")

    @override
    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return reconstruction, mean and log variance, side by side.

        Raises:
            ModelError: when the model lacks ``stats`` or ``decode``.
        """
        if not callable(getattr(model, "stats", None)) or not hasattr(model, "decode"):
            raise ModelError(
                f"{type(model).__name__} has no stats(x) -> (mean, log variance) and decode(codes);"
                " a variational task needs both. learnkit.models.vae makes such a model."
            )
        net = cast("VariationalModel", model)
        mean, log_variance = net.stats(self.seen(model, batch))
        codes = mean
        if model.training:
            codes = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        pictures = net.decode(codes).float().flatten(1)
        return torch.cat([pictures, mean.float(), log_variance.float()], dim=1)

    @override
    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return the loss of the reconstruction plus the divergence of the codes."""
        pictures, mean, log_variance = unpacked(preds, batch)
        terms = 1 + log_variance - mean.square() - log_variance.exp()
        divergence = -0.5 * terms.sum(1).mean()  # the paper's appendix B
        x = as_pictures(batch.x)
        return self.loss_func(pictures, x) + self.beta * divergence / math.prod(x.shape[1:])

    @override
    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the reconstruction, activated, and the clean picture."""
        return self.activate(unpacked(preds, batch)[0]), as_pictures(batch.x)

    @override
    def check(self, preds: Tensor, batch: Batch) -> None:
        """Compare the widths, and look at the picture's range.

        Raises:
            ModelError: when the model's pictures have another size, or those of the data are not
                in [0, 1].
        """
        x = as_pictures(batch.x)
        codes = preds.shape[1] - math.prod(x.shape[1:])
        if codes < 2 or codes % 2:
            raise ModelError(
                f"the model's pictures and codes have {preds.shape[1]} numbers together, for "
                f"pictures {tuple(x.shape)}; decode() must give pictures of this shape."
            )
        check_range(x)

    @override
    def options(self) -> dict[str, Any]:
        """Return noise and beta."""
        return {"noise": float(self.noise), "beta": float(self.beta)}


def unpacked(preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pictures (B, C, H, W), means (B, Z) and log variances (B, Z) of predictions."""
    x = as_pictures(batch.x)
    n = math.prod(x.shape[1:])
    mean, log_variance = preds[:, n:].chunk(2, dim=1)
    return preds[:, :n].reshape(x.shape), mean, log_variance


def read(classes: tuple[str, ...], activation: str, options: Fields) -> Variational:
    """Make the task of an export."""
    noise = options.number("noise", low=0.0, high=MAX_NOISE)
    beta = options.number("beta", low=0.0, high=MAX_BETA)
    return Variational(NoLoss(activation), noise=noise, beta=beta)
