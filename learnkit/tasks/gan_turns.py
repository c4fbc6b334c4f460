"""The two turns of a GAN's training: in each, one net's parameters get gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from learnkit.errors import ModelError
from learnkit.losses.adversarial import AdversarialLoss
from learnkit.pictures import as_pictures
from learnkit.types import Batch


@dataclass(frozen=True)
class _Turn:
    """What both turns have in common.

    Attributes:
        objective: the losses of both nets.
    """

    objective: AdversarialLoss

    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the scores and the labels: metrics are of validation."""
        return preds, batch.y

    def check(self, preds: Tensor, batch: Batch) -> None:
        """Do nothing: forward has checked what it got."""


@dataclass(frozen=True)
class CriticTurn(_Turn):
    """A batch that trains the critic; the generator only draws."""

    def turn(self, step: int) -> "CriticTurn":
        """Return itself."""
        return self

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return (B, 2) scores of real and generated pictures, or (B, 3) with the penalty."""
        nets: Any = model
        check_both_train(nets)
        real = as_pictures(batch.x)
        with torch.no_grad():
            fake = nets.generator(noise_for(real, nets.n_latent))
        check_generated(fake, real)
        columns = [scores(nets.critic, real), scores(nets.critic, fake)]
        if self.objective.penalty and torch.is_grad_enabled():
            columns.append(gradient_penalty(nets.critic, real, fake))
        return torch.stack([column.float() for column in columns], 1)

    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return the critic's loss, with its penalty."""
        loss = self.objective.critic(preds[:, 0], preds[:, 1])
        if preds.shape[1] > 2:
            loss = loss + self.objective.penalty * preds[:, 2]
        return loss.mean()


@dataclass(frozen=True)
class GeneratorTurn(_Turn):
    """A batch that trains the generator; of the batch only the size and the shape are used."""

    def turn(self, step: int) -> "GeneratorTurn":
        """Return itself."""
        return self

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return (B, 1), the critic's scores of generated pictures."""
        nets: Any = model
        check_both_train(nets)
        real = as_pictures(batch.x)
        fake = nets.generator(noise_for(real, nets.n_latent))
        check_generated(fake, real)
        # the gradient goes through the critic, and its parameters get none
        held = {name: p.detach() for name, p in nets.critic.named_parameters()}

        def critic(pictures: Tensor) -> Tensor:
            return cast("Tensor", functional_call(nets.critic, held, (pictures,)))

        return scores(critic, fake)[:, None]

    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return the generator's loss."""
        return self.objective.generator(preds[:, 0]).mean()


def noise_for(real: Tensor, n_latent: int) -> Tensor:
    """Draw float32 (B, n_latent) from torch's generator, which the loop seeds for each batch."""
    return torch.randn(len(real), n_latent, device=real.device)


def check_both_train(nets: Any) -> None:
    """Look for a net that is frozen, before torch finds nothing to compute gradients of.

    Raises:
        ModelError: naming the net, where gradients are computed.
    """
    for name in ("generator", "critic"):
        found = list(getattr(nets, name).parameters())
        if torch.is_grad_enabled() and found and not any(p.requires_grad for p in found):
            raise ModelError(
                f"the {name} is frozen, and a GAN trains two nets in turns: learn.unfreeze() lets "
                "both train. freeze() and fine_tune() are for pretrained bodies."
            )


def check_generated(fake: Tensor, real: Tensor) -> None:
    """Compare the shapes of generated and real pictures.

    Raises:
        ModelError: when they differ.
    """
    if fake.shape != real.shape:
        raise ModelError(
            f"the generator gives pictures {tuple(fake.shape)}; those of the data are "
            f"{tuple(real.shape)}."
        )


def scores(critic: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """Return one score a picture, (B,); of a critic that scores patches their mean.

    Raises:
        ModelError: when the critic gives something else.
    """
    given = critic(pictures)
    if not isinstance(given, Tensor) or not given.ndim or len(given) != len(pictures):
        found = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise ModelError(f"the critic must give a score for each picture, (B,); found {found}.")
    return given.reshape(len(given), -1).mean(1)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """Return ``(|gradient of the score| - 1)^2`` between real and generated pictures, (B,).

    Gulrajani et al. 2017 (arXiv 1704.00028), algorithm 1, lines 4 to 7. In full precision: half
    has too few digits for a gradient of a gradient.
    """
    with torch.autocast(real.device.type, enabled=False):
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        mixed = torch.lerp(fake.float(), real.float(), share).requires_grad_()
        score = scores(critic, mixed).sum()
        (gradient,) = torch.autograd.grad(score, mixed, create_graph=True)
    lengths: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return (lengths - 1).square()
