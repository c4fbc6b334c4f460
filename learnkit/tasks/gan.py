"""Two nets that play against each other: batches take turns, through the one loop.

`GAN` says whose turn a training batch is; the turns themselves are in ``gan_turns``. The optimizer
passes by parameters without a gradient, so in each turn one net moves: with `learnkit.optim.joined`
by an optimizer of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from learnkit.errors import ModelError
from learnkit.json_fields import Fields
from learnkit.losses.adversarial import AdversarialLoss, NonSaturating
from learnkit.pictures import as_pictures
from learnkit.tasks.gan_turns import CriticTurn, GeneratorTurn, scores
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.pictures import LABEL_CHECKS, Pictures
from learnkit.tasks.protocol import Step
from learnkit.tasks.reconstruction import check_range
from learnkit.types import Batch, LossFn

MAX_TURNS: Final = 1_000
_SEED: Final = 0x6A09  # of the noise of validation
_DCGAN: Final = NonSaturating()


class TwoNets(Protocol):
    """What a GAN's model must have; `learnkit.models.GANModel` does."""

    n_latent: int
    generator: Callable[[Tensor], Tensor]
    critic: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class GAN(Pictures):
    """A generator that learns to fool a critic, and a critic that learns to tell.

    ``n_critic`` training batches train the critic, the next one the generator, and so on, counted
    over all fits, so that a fit that goes on from a checkpoint takes the same turns. ``train_loss``
    is the mean over the batches of both. x float (B, C, H, W) or (B, H, W) in [0, 1]; labels are
    ignored.

    In validation the predictions (B, 2 + P) are the critic's scores of the real pictures and of as
    many generated ones, and these themselves, of P numbers each; the loss is the critic's, without
    penalty, and metrics get (generated, real pictures), both (B, C, H, W). The noise of validation
    is the same for every batch and every time.

    Goodfellow et al. 2014 (arXiv 1406.2661); Radford et al. 2016 (arXiv 1511.06434); Gulrajani et
    al. 2017 (arXiv 1704.00028).

    Attributes:
        loss_func: an `AdversarialLoss`: ``NonSaturating()`` or ``Wasserstein()``.
        n_critic: batches for the critic before one for the generator.

    Raises:
        ValueError: when ``n_critic`` is no whole number from 1 to 1000.
        TypeError: when ``loss_func`` has no loss for two nets.
    """

    loss_func: LossFn = _DCGAN
    n_critic: int = 1

    kind: ClassVar[str] = "gan"
    pair: ClassVar[tuple[str, str]] = ("real", "drawn")  # what is shown beside each other
    mutes: ClassVar[tuple[str, ...]] = (*LABEL_CHECKS, "loss_spike")

    def __post_init__(self) -> None:
        whole = isinstance(self.n_critic, int) and not isinstance(self.n_critic, bool)
        if not whole or not 1 <= self.n_critic <= MAX_TURNS:
            raise ValueError(
                f"n_critic must be a whole number from 1 to {MAX_TURNS}; got {self.n_critic!r}."
            )
        if not isinstance(self.loss_func, AdversarialLoss | NoLoss):
            raise TypeError(
                "a GAN's loss_func has a loss for each of two nets: NonSaturating() or "
                f"Wasserstein() of learnkit.losses.adversarial; got {self.loss_func!r}."
            )

    @property
    def turns(self) -> int:
        """Training batches until the turns begin again."""
        return self.n_critic + 1

    @override
    def turn(self, step: int) -> Step:  # type: ignore[override]
        """Return the critic's turn or the generator's."""
        objective = cast("AdversarialLoss", self.loss_func)
        critics = step % self.turns < self.n_critic
        return CriticTurn(objective) if critics else GeneratorTurn(objective)

    @override
    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return scores of real and generated pictures, and the generated ones, (B, 2 + P)."""
        nets, real = two_nets(model), as_pictures(batch.x)
        noise = _noise(len(real), nets.n_latent, real.device)
        fake = nets.generator(noise)
        both = [scores(nets.critic, real), scores(nets.critic, fake)]
        return torch.cat([torch.stack(both, 1).float(), fake.float().flatten(1)], 1)

    @override
    def question(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the same noise for every batch of pictures, and noise as it is."""
        n_latent = two_nets(model).n_latent
        if batch.x.ndim == 2 and batch.x.shape[1] == n_latent:
            return batch.x
        return _noise(len(batch.x), n_latent, batch.x.device)

    @override
    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return generated and real pictures."""
        real = as_pictures(batch.x)
        return preds[:, 2:].reshape(real.shape), real

    @override
    def check(self, preds: Tensor, batch: Batch) -> None:
        """Compare the sizes of generated and real pictures, and look at their range.

        Raises:
            ModelError: when they differ, or the real ones are not in [0, 1].
        """
        real = as_pictures(batch.x)
        if preds[:, 2:].numel() != real.numel():
            raise ModelError(
                f"the generator gives {preds.shape[1] - 2} numbers a picture; the data's pictures "
                f"{tuple(real.shape[1:])} have {real[0].numel()}."
            )
        check_range(real)

    @override
    def options(self) -> dict[str, Any]:
        """Return nothing: to draw pictures takes the generator alone."""
        return {}


def _noise(n: int, n_latent: int, device: torch.device) -> Tensor:
    drawn = torch.Generator().manual_seed(_SEED)
    return torch.randn(n, n_latent, generator=drawn).to(device)


def two_nets(model: nn.Module) -> TwoNets:
    """Return the model, if it is one of two nets.

    Raises:
        ModelError: when it lacks one of them, or the size of the noise.
    """
    lacks = [name for name in ("generator", "critic", "n_latent") if not hasattr(model, name)]
    if lacks:
        raise ModelError(
            f"{type(model).__name__} has no {lacks[0]}; the GAN task needs a model of two nets: "
            "learnkit.models.GANModel(generator, critic)."
        )
    return cast("TwoNets", model)


def read(classes: tuple[str, ...], activation: str, options: Fields) -> GAN:
    """Make the task of an export."""
    return GAN(NoLoss(activation))
