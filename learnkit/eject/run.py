"""What a script is written of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from learnkit.data.bunch import DataBunch
from learnkit.eject.kept import KeptFits


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a script is written of.

    Attributes:
        fits: what was kept of them.
        data: that they saw.
        model: as it is now.
        optimizer: as it is now.
        loss: (preds, targets) to a scalar.
        metrics: of the validation.
        normalize: of photos.
        precision: its name.
        channels_last: whether convolutions are in that order.
        device: that it ran on.
        seed: of the learner.
        compiled: whether by torch.compile.
        fast: whether a frozen body is computed folded.
        micro_batch: how many samples are computed at once, if a number was given.
    """

    fits: KeptFits
    data: DataBunch
    model: nn.Module
    optimizer: Optimizer
    loss: object
    metrics: Sequence[Any]
    normalize: Any
    precision: str
    channels_last: bool
    device: torch.device
    seed: int
    compiled: bool
    fast: bool
    micro_batch: int | str | None
