"""GradientMonitor: the norms it keeps, and its advice on networks that need it."""

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit.callback import Callback
from learnkit.callbacks.watch.gradient_monitor import GradientMonitor
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.state import State

DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(64, 8, generator=DRAWN)
Y = (X.sum(1) > 0).long()


def make(model: nn.Module, **options: Any) -> Learner:
    data = DataBunch.from_arrays(X, Y, batch_size=8, valid_pct=0.25)
    return Learner(data, model, device="cpu", precision="fp32", **options)


def deep(activation: type[nn.Module], depth: int = 10) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Linear(8, 8), activation()]
        return nn.Sequential(*layers, nn.Linear(8, 2))


def test_the_norms_are_those_of_the_gradients() -> None:
    expected: list[list[float]] = []

    class Keep(Callback):
        def before_step(self, state: State) -> None:
            weights = [
                p.grad for p in state.model.parameters() if p.ndim > 1 and p.grad is not None
            ]
            expected.append([float(g.norm()) / math.sqrt(g.numel()) for g in weights])

    monitor = GradientMonitor(every=3)
    make(deep(nn.ReLU, 2)).fit(2, 0.01, callbacks=[monitor, Keep()], progress=False)
    assert monitor.names == ["0.weight", "2.weight", "4.weight"]
    torch.testing.assert_close(monitor.norms, torch.tensor(expected[::3]))


def test_ten_layers_of_sigmoids_are_told_that_the_gradient_vanishes() -> None:
    monitor = GradientMonitor(every=1)
    with pytest.warns(UserWarning, match="GradientMonitor") as caught:
        make(deep(nn.Sigmoid)).fit(2, 1e-9, callbacks=monitor, progress=False)
    share = monitor.norms.nanmedian(0).values
    first = float(share[0]), float(share[-1])
    assert len(caught) == 1
    assert str(caught[0].message).startswith("GradientMonitor: the gradient of 0.weight is ")
    assert list(monitor.advice) == ["vanishing"]
    assert first[0] / first[1] < 1e-4
    assert monitor.advice["vanishing"].endswith(
        " of that of 20.weight: it vanishes on its way back, and the first layers hardly learn. "
        "ReLU instead of sigmoid or tanh, BatchNorm between layers, He's initialisation or "
        "residual connections let it pass."
    )


def test_a_sound_network_gets_no_advice() -> None:
    monitor = GradientMonitor(every=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(deep(nn.ReLU, 2)).fit(5, 0.01, callbacks=monitor, progress=False)
    assert monitor.advice == {}


def test_a_step_with_an_enormous_gradient_is_told() -> None:
    class Explode(Callback):
        def after_loss(self, state: State) -> None:
            if state.training and state.progress.steps_done == 22:
                state.loss = state.loss * 1e4

    monitor = GradientMonitor(every=1)
    with pytest.warns(UserWarning, match="it explodes now and then"):
        make(deep(nn.ReLU, 2), mute="loss_spike").fit(
            5, 1e-6, callbacks=[Explode(), monitor], progress=False
        )
    assert list(monitor.advice) == ["exploding"]


def test_what_is_frozen_is_not_looked_at() -> None:
    model = deep(nn.ReLU, 2)
    model[0].requires_grad_(False)
    monitor = GradientMonitor(every=1)
    make(model).fit(1, callbacks=monitor, progress=False)
    assert monitor.names == ["2.weight", "4.weight"]


def test_a_weight_without_a_gradient_is_nan() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.left = nn.Linear(8, 2), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.used(x)
            return out

    monitor = GradientMonitor(every=1)
    make(Two(), mute="zero_gradient").fit(1, callbacks=monitor, progress=False)
    assert monitor.norms.isnan().all(0).tolist() == [False, True]


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    monitor = GradientMonitor(every=1)
    make(deep(nn.ReLU, 3)).fit(2, callbacks=monitor, progress=False)
    monitor.plot(path=tmp_path / "norms.png")
    assert (tmp_path / "norms.png").stat().st_size > 1000


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_every_is_a_whole_number(every: Any) -> None:
    with pytest.raises(ValueError, match="every") as caught:
        GradientMonitor(every=every)
    assert str(caught.value) == (
        f"GradientMonitor(): every must be a whole number of steps of at least 1, found {every!r}."
    )
