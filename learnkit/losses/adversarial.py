"""What two nets play for: losses of a critic, which scores pictures, and of a generator."""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from torch import Tensor
from torch.nn import functional

MAX_PENALTY = 1e6


@runtime_checkable
class AdversarialLoss(Protocol):
    """A loss for each of two nets; a score is higher for pictures that look real."""

    @property
    def penalty(self) -> float:
        """Weight of the gradient penalty; 0 computes none."""

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the critic's loss, a scalar, of scores (B, 2): real, generated."""

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss of each sample, (B,), from two scores (B,)."""

    def generator(self, fake: Tensor) -> Tensor:
        """Return the generator's loss of each sample, (B,), from scores (B,)."""


@dataclass(frozen=True)
class NonSaturating:
    """The game of Goodfellow et al. 2014 (arXiv 1406.2661), as DCGANs play it.

    Scores are logits of "this is real". The critic minimises binary cross entropy (equation 1); the
    generator maximises the logarithm of the probability that its pictures get (section 3), whose
    gradient does not vanish where the critic is sure.

    Example:
        >>> import torch
        >>> NonSaturating().critic(torch.zeros(1), torch.zeros(1))  # 2 * log(2)
        tensor([1.3863])
    """

    penalty: ClassVar[float] = 0.0

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the critic's loss, the mean over (B, 2) scores."""
        return self.critic(preds[:, 0], preds[:, 1]).mean()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the cross entropy of "real" and "generated", (B,)."""
        return functional.softplus(-real) + functional.softplus(fake)

    def generator(self, fake: Tensor) -> Tensor:
        """Return the cross entropy of calling generated pictures real, (B,)."""
        return functional.softplus(-fake)


@dataclass(frozen=True)
class Wasserstein:
    """The critic of Wasserstein GANs with gradient penalty.

    Gulrajani et al. 2017 (arXiv 1704.00028), equation 3: the critic's loss without the penalty is
    minus an estimate of the Wasserstein distance between generated and real pictures.

    Attributes:
        penalty: weight of ``(|gradient| - 1)^2``, lambda in the paper; above 0.

    Raises:
        ValueError: when the weight is out of range.

    Example:
        >>> import torch
        >>> Wasserstein().critic(torch.ones(1), torch.zeros(1))
        tensor([-1.])
    """

    penalty: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.penalty <= MAX_PENALTY or math.isnan(self.penalty):
            raise ValueError(
                f"penalty must be a number above 0, at most {MAX_PENALTY:g}; got {self.penalty!r}."
            )

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the critic's loss, the mean over (B, 2) scores, without the penalty."""
        return self.critic(preds[:, 0], preds[:, 1]).mean()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the score of generated pictures minus that of real ones, (B,)."""
        return fake - real

    def generator(self, fake: Tensor) -> Tensor:
        """Return minus the score, (B,)."""
        return -fake
