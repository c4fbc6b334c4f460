"""fit_flat_cos and fit_sgdr: the rates that the steps see, and going on where one was stopped."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

from learnkit.callback import Callback
from learnkit.callbacks.rates.param_schedule import ParamSchedule
from learnkit.callbacks.rates.reduce_lr_on_plateau import ReduceLROnPlateau
from learnkit.callbacks.rates.torch_scheduler import TorchScheduler
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.optim import layer_decay
from learnkit.schedule import cosine, linear
from learnkit.state import State

DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(24, 4, generator=DRAWN)
Y = (X.sum(1) > 0).long()


class Seen(Callback):
    """Write down the rate and the decay of each step."""

    looks_on = True

    def before_fit(self, state: State) -> None:
        self.rates: list[float] = []

    def after_step(self, state: State) -> None:
        self.rates.append(state.lr)


class Killed(Exception):
    """What ends a fit."""


class Kill(Callback):
    """End the fit in this training batch."""

    looks_on = True

    def __init__(self, at: int) -> None:
        self.at = at

    def after_batch(self, state: State) -> None:
        if state.training and state.progress.batches_seen == self.at:
            raise Killed


def make(path: Path | None = None) -> Learner:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 2))
    data = DataBunch.from_arrays(X, Y, valid=(X, Y), classes=[0, 1], batch_size=6)
    return Learner(data, model, device="cpu", precision="fp32", path=path)


def test_flat_then_cosine() -> None:
    seen = Seen()
    make().fit_flat_cos(2, 0.1, pct_start=0.5, div_final=10, callbacks=seen, progress=False)
    assert seen.rates[:5] == [0.1] * 5
    assert seen.rates[5:] == sorted(seen.rates[5:], reverse=True)
    assert 0.01 < seen.rates[-1] < 0.1


def test_each_cycle_begins_at_the_peak() -> None:
    seen = Seen()
    history = make().fit_sgdr(2, 1, 0.1, callbacks=seen, progress=False)
    assert len(history) == 3
    steps = [i for i, rate in enumerate(seen.rates) if rate == 0.1]
    assert steps == [0, 4]
    assert seen.rates[2] == pytest.approx(0.05)
    assert seen.rates[8] == pytest.approx(0.05)


def test_fine_tuning_takes_a_decay_by_depth() -> None:
    learn = make()
    learn.fine_tune(1, layer_decay(0.2, 0.5), progress=False)
    assert learn.optimizer.param_groups[-1]["initial_lr"] == 0.1


def stack() -> list[Callback]:
    return [
        ParamSchedule("weight_decay", linear(start=0.1, end=1.0)),
        ReduceLROnPlateau("train_loss", patience=1, min_delta=9.0, factor=0.5),
        ParamSchedule("momentum", cosine(end=0.5)),
        TorchScheduler(lambda opt: StepLR(opt, 3), every="step"),
    ]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("killed_at", [2, 4, 7, 10])
def test_a_fit_with_all_of_them_goes_on_to_the_same_bits(
    tmp_path: Path, killed_at: int, order: int, no_flushing: None
) -> None:
    def fit(checkpoint: str | None, *more: Callback) -> Learner:
        learn = make(tmp_path)
        callbacks = [*stack()[::order], *more]
        options: dict[str, Any] = {"checkpoint": checkpoint, "every_steps": 1}
        learn.fit_sgdr(2, 1, 0.1, callbacks=callbacks, progress=False, **options)
        return learn

    whole, alone = fit(None), make()
    with pytest.raises(Killed):
        fit("run", Kill(killed_at))
    resumed = fit("run")
    alone.fit_sgdr(2, 1, 0.1, progress=False)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert str(whole.optimizer.state_dict()) == str(resumed.optimizer.state_dict())
    assert not torch.equal(whole.model[0].weight, alone.model[0].weight)
    keys = [
        {k: v for k, v in g.items() if k not in ("params", "lr")}
        for g in whole.optimizer.param_groups
    ]
    assert keys == [
        {k: v for k, v in g.items() if k not in ("params", "lr")}
        for g in alone.optimizer.param_groups
    ]


def test_the_order_of_the_callbacks_does_not_matter() -> None:
    weights = []
    for order in (1, -1):
        learn = make()
        learn.fit_sgdr(2, 1, 0.1, callbacks=stack()[::order], progress=False)
        weights.append(learn.model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
