"""Models that draw pictures of noise. Knows no training."""

from typing import Protocol, cast

import torch
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.compressed import inner_of

_AT_ONCE = 256  # pictures that are drawn in one pass


class Drawer(Protocol):
    """What a GAN and a variational autoencoder have in common."""

    n_latent: int

    def decode(self, codes: Tensor) -> Tensor:
        """Return pictures (B, C, H, W) in [0, 1] of codes (B, n_latent)."""


def drawer(model: nn.Module) -> Drawer:
    """Return the model, or what a compressed one holds, if it can draw.

    Raises:
        ModelError: when it lacks ``n_latent`` or ``decode``.
    """
    model = inner_of(model)
    if not hasattr(model, "n_latent") or not callable(getattr(model, "decode", None)):
        raise ModelError(
            f"{type(model).__name__} cannot draw pictures: it has no n_latent and decode(codes), "
            "as the models of gan_learner and autoencoder_learner(variational=True) have."
        )
    return cast("Drawer", model)


def drawn(model: nn.Module, noise: Tensor) -> Tensor:
    """Return the pictures of noise, float32 (N, C, H, W) in [0, 1], on the CPU.

    The model is in eval mode meanwhile; its modules' modes come back.

    Args:
        model: a `Drawer`.
        noise: float32 (N, n_latent); it goes where the model is.
    """
    draws = drawer(model)
    modes = [(module, module.training) for module in model.modules()]
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    try:
        model.eval()
        with torch.no_grad():
            pieces = torch.split(noise, _AT_ONCE)
            parts = [draws.decode(part.to(device)).float().cpu() for part in pieces]
    finally:
        for module, training in modes:
            module.training = training
    return torch.cat(parts).clamp(0.0, 1.0)


def noise_of(n: int, n_latent: int, seed: int) -> Tensor:
    """Draw float32 (n, n_latent), standard normal, from a generator of its own."""
    return torch.randn(n, n_latent, generator=torch.Generator().manual_seed(seed))
