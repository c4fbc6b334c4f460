"""Autoencoders: pictures through a narrow place and back, plain and variational.

Every model here takes pictures (B, C, H, W) in [0, 1] and gives pictures in [0, 1].
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from learnkit.models.backbone import ParameterGroups
from learnkit.models.picture_layers import (
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)
from learnkit.models.scratch import check_any_widths, check_widths
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords
from learnkit.pictures import as_pictures, check_shape


class Autoencoder(nn.Module):
    """An encoder to ``n_latent`` numbers a picture, and a decoder back.

    Attributes:
        encoder: pictures (B, C, H, W) to codes (B, n_latent).
        decoder: codes to raw pixels (B, C, H, W), which the sigmoid brings to [0, 1].
        shape: of a picture, (C, H, W).
        n_latent: numbers in a code.
        spec: from which ``build_from_spec`` rebuilds the model.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        shape: Sequence[int],
        n_latent: int,
        spec: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.shape, self.n_latent, self.spec = check_shape(shape), n_latent, spec

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction float32 (B, C, H, W) in [0, 1].

        Args:
            x: (B, C, H, W), or (B, H, W) of one channel.

        Raises:
            ModelError: when the pictures have another shape than the model.
        """
        return self.decode(self.encode(x))

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes (B, n_latent) of pictures."""
        codes: Tensor = self.encoder(as_pictures(x, self.shape))
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Return the pictures float32 (B, C, H, W) in [0, 1] of codes (B, n_latent)."""
        # in full precision: half has no number between 0.996 and 1
        return torch.sigmoid(self.decoder(codes).float())

    def layer_groups(self) -> ParameterGroups:
        """Return all parameters as one group: nothing here is pretrained."""
        return [list(self.parameters())]


class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose encoder gives a normal distribution of codes for each picture.

    Kingma and Welling 2014 (arXiv 1312.6114). The encoder gives 2 * n_latent numbers. ``encode``
    returns the means, so ``model(x)`` is the reconstruction of the mean.
    """

    def stats(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the codes, float32 (B, n_latent) each."""
        mean, log_variance = self.encoder(as_pictures(x, self.shape)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-30.0, 20.0)  # its exponential stays a number

    def encode(self, x: Tensor) -> Tensor:
        """Return the means of the codes, (B, n_latent)."""
        return self.stats(x)[0]


@checked_keywords
def autoencoder(
    shape: Sequence[int],
    n_latent: int,
    *,
    hidden: Sequence[int] = (256, 128),
    channels: Sequence[int] = (),
    seed: int = 0,
) -> Autoencoder:
    """Build an autoencoder for pictures of one shape: (B, C, H, W) in [0, 1] to the same.

    Example:
        >>> import torch
        >>> model = autoencoder((1, 8, 8), 4)
        >>> model.encode(torch.zeros(2, 1, 8, 8)).shape, model(torch.zeros(2, 1, 8, 8)).shape
        (torch.Size([2, 4]), torch.Size([2, 1, 8, 8]))

    Args:
        shape: of a picture, (C, H, W); any size.
        n_latent: numbers in a code, as many as a PCA would have components.
        hidden: widths of the dense layers of the encoder; the decoder has them the other way
            round. Unused with ``channels``.
        channels: maps of convolutions, each of which halves the sides, in place of dense layers.
        seed: of the initialisation.

    Raises:
        ValueError: when a width is below 1, or the shape is none.
    """
    spec = _spec("autoencoder", shape, n_latent, hidden, channels)
    with seeded(seed, "autoencoder"):
        encoder, decoder = _both(spec, n_latent)
    return Autoencoder(encoder, decoder, shape=shape, n_latent=n_latent, spec=spec)


@checked_keywords
def vae(
    shape: Sequence[int],
    n_latent: int,
    *,
    hidden: Sequence[int] = (256, 128),
    channels: Sequence[int] = (),
    seed: int = 0,
) -> VariationalAutoencoder:
    """Build a variational autoencoder; the arguments are those of `autoencoder`.

    Example:
        >>> import torch
        >>> mean, log_variance = vae((1, 8, 8), 4).stats(torch.zeros(2, 1, 8, 8))
        >>> mean.shape, log_variance.shape
        (torch.Size([2, 4]), torch.Size([2, 4]))
    """
    spec = _spec("vae", shape, n_latent, hidden, channels)
    with seeded(seed, "vae"):
        encoder, decoder = _both(spec, 2 * n_latent)
    return VariationalAutoencoder(encoder, decoder, shape=shape, n_latent=n_latent, spec=spec)


def _spec(
    name: str, shape: Sequence[int], n_latent: int, hidden: Sequence[int], channels: Sequence[int]
) -> dict[str, Any]:
    check_widths(n_latent=(n_latent,))
    check_any_widths(channels=channels)
    if not channels:
        check_widths(hidden=hidden)
    return {
        "model": name,
        "shape": list(check_shape(shape)),
        "n_latent": n_latent,
        "hidden": [] if channels else list(hidden),
        "channels": list(channels),
    }


def _both(spec: dict[str, Any], n_out: int) -> tuple[nn.Module, nn.Module]:
    shape, n_latent = check_shape(spec["shape"]), spec["n_latent"]
    if spec["channels"]:
        channels = spec["channels"]
        return conv_encoder(shape, n_out, channels), conv_decoder(shape, n_latent, channels)
    hidden = spec["hidden"]
    return dense_encoder(shape, n_out, hidden), dense_decoder(shape, n_latent, hidden)
