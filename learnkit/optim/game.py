"""The optimizer of nets that play against each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.optim import Optimizer

from learnkit.types import ParamGroup


@dataclass(frozen=True, slots=True)
class GameAdam:
    """A factory for ``opt_func``: Adam with little momentum, and without weight decay.

    The loss that one net minimises changes as the other learns, so old gradients soon point
    elsewhere: Radford et al. 2016 (arXiv 1511.06434, section 4) take betas (0.5, 0.999), Gulrajani
    et al. 2017 (arXiv 1704.00028, algorithm 1) take (0, 0.9). ``weight_decay`` of a fit is left
    out. Fused where torch has it.

    Attributes:
        betas: of the means of gradients and of their squares.
    """

    betas: tuple[float, float] = (0.5, 0.999)

    def __call__(self, groups: Sequence[ParamGroup], /) -> Optimizer:
        """Build the optimizer over ``groups``."""
        kept = [{**group, "decayed": False} for group in groups]
        devices = {p.device.type for group in kept for p in group["params"]}
        return torch.optim.Adam(kept, lr=2e-4, betas=self.betas, fused=devices <= {"cpu", "cuda"})
