"""What the training processes of ``benchmarks.faults`` are made of: models, callbacks, data.

Everything that makes resuming hard is here, written as a user would write it: a callback that draws
from torch's generator, one with a state of its own, layers with statistics and with dropout.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from typing_extensions import override

from benchmarks.faults_place import Place
from learnkit.callback import Callback
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.state import State
from learnkit.types import Batch


class Mixup(Callback):
    """Mix pairs of photos and their labels (Zhang et al. 2018, arXiv 1710.09412)."""

    def __init__(self, n_classes: int) -> None:
        self._n_classes = n_classes

    @override
    def before_batch(self, state: State) -> None:
        if state.training:
            x, y = state.batch
            other, share = torch.randperm(len(x)), float(torch.rand(()))
            targets = nn.functional.one_hot(y, self._n_classes).float()
            mixed = x.lerp(x[other], share), targets.lerp(targets[other], share)
            state.batch = Batch(*mixed)


class WeightAverage(Callback):
    """Keep an exponential moving average of all weights and statistics.

    Args:
        forgetful: leave it out of checkpoints, as somebody would who knew no better: a resumed fit
            then ends with another average, which shows that the comparison sees it.
    """

    def __init__(self, *, forgetful: bool = False) -> None:
        self.average: dict[str, Tensor] = {}
        self._forgetful = forgetful

    @override
    def before_fit(self, state: State) -> None:
        self.average = {name: value.clone() for name, value in state.model.state_dict().items()}

    @override
    def after_step(self, state: State) -> None:
        for name, value in state.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 0.02)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {} if self._forgetful else {"average": self.average}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.average = {name: value.clone() for name, value in state["average"].items()}


class Where(Callback):
    """Tell a `Place` where the fit is."""

    looks_on = True

    def __init__(self, place: Place) -> None:
        self._place = place

    @override
    def before_epoch(self, state: State) -> None:
        self._place.say("fit: begin of an epoch")

    @override
    def before_batch(self, state: State) -> None:
        self._place.say("fit: in a batch" if state.training else "fit: in a batch of validation")

    @override
    def after_batch(self, state: State) -> None:
        self._place.say("fit: between batches")

    @override
    def after_phase(self, state: State) -> None:
        self._place.say("fit: between phases")

    @override
    def after_epoch(self, state: State) -> None:
        self._place.say("fit: end of an epoch")

    @override
    def after_fit(self, state: State) -> None:
        self._place.say("fit: end")


class Samples(Dataset[tuple[Tensor, int]]):
    """Drawn samples that worker processes fetch, with a random change of each."""

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        x = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(index))
        noise = torch.randn(3, 12, 12)  # from the generator that the loader sets for this sample
        return x + index % 3 + 0.1 * noise, index % 3


def small_net(n_classes: int) -> nn.Sequential:
    """Return two convolutions with BatchNorm and dropout: float32 (B, 3, H, W) -> (B, K)."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Conv2d(16, 32, 3, 2, 1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, n_classes),
    )


@dataclass(frozen=True)
class SmallSource(BackboneSource):
    """A body of 5,000 weights, so that most of a run is not spent on writing them."""

    @override
    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        )


SMALL_BODY = Backbone("small", SmallSource())


def as_if_pretrained(model: nn.Module) -> None:
    """Give the norm layers statistics that do something, as pretraining does."""
    drawn = torch.Generator().manual_seed(3)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.normal_(0, 0.1, generator=drawn)
            norm.running_var.uniform_(0.5, 1.5, generator=drawn)
