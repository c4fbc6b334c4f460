"""A generator and a critic as one model."""

from typing import Any

from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.backbone import ParameterGroups
from learnkit.models.dcgan import DCCritic, DCGenerator
from learnkit.names import checked_keywords


class GANModel(nn.Module):
    """A generator and a critic as one model: ``model(noise)`` draws pictures.

    Its layer groups are the generator's parameters and the critic's, so that
    ``learn.fit(20, lr=[1e-4, 4e-4])`` gives each a rate of its own.

    Args:
        generator: noise float32 (B, n_latent) to pictures (B, C, H, W) in [0, 1].
        critic: pictures to a score each, (B,) or (B, 1), higher for those that look real.
        n_latent: numbers in the noise of one picture; the generator's own ``n_latent`` by default.

    Raises:
        TypeError: when one of the two is no module.
        ValueError: when ``n_latent`` is not known, or not the generator's own.

    Attributes:
        spec: from which ``build_from_spec`` rebuilds the model; None for nets of your own.
    """

    @checked_keywords
    def __init__(
        self, generator: nn.Module, critic: nn.Module, *, n_latent: int | None = None
    ) -> None:
        super().__init__()
        for name, net in (("generator", generator), ("critic", critic)):
            if not isinstance(net, nn.Module):
                raise TypeError(f"the {name} must be a torch.nn.Module; got {net!r}.")
        own = getattr(generator, "n_latent", None)
        size = own if n_latent is None else n_latent
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(
                "how many numbers of noise the generator takes is not known; give n_latent=, a "
                f"whole number of at least 1. Got {size!r}."
            )
        if own is not None and own != size:
            raise ValueError(
                f"the generator takes {own} numbers of noise, and n_latent={size}; leave n_latent "
                "out, or make the generator of as many."
            )
        self.generator, self.critic, self.n_latent = generator, critic, size
        self.spec = _spec_of(generator, critic)

    def forward(self, noise: Tensor) -> Tensor:
        """Return pictures (B, C, H, W) of noise (B, n_latent).

        Raises:
            ModelError: for anything but noise.
        """
        if noise.ndim != 2 or noise.shape[1] != self.n_latent:
            raise ModelError(
                f"a GAN draws pictures of noise (B, {self.n_latent}), and has no answer to x "
                f"{tuple(noise.shape)}. learnkit.generative.sample(learn, 16) draws some."
            )
        return self.decode(noise)

    def decode(self, codes: Tensor) -> Tensor:
        """Return pictures (B, C, H, W) of noise (B, n_latent)."""
        pictures: Tensor = self.generator(codes)
        return pictures

    def layer_groups(self) -> ParameterGroups:
        """Return the generator's parameters and the critic's."""
        return [list(self.generator.parameters()), list(self.critic.parameters())]


def _spec_of(generator: nn.Module, critic: nn.Module) -> dict[str, Any] | None:
    if not isinstance(generator, DCGenerator) or not isinstance(critic, DCCritic):
        return None
    return {
        "model": "gan",
        "shape": list(generator.shape),
        "n_latent": generator.n_latent,
        "generator": list(generator.channels),
        "critic": list(critic.channels),
        "norm": critic.norm,
    }
