"""ActivationStats: the numbers of layers, dead units, and nothing left behind."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit import models
from learnkit.callback import Callback
from learnkit.callbacks.gradients.sam import SAM
from learnkit.callbacks.watch.activation_stats import ActivationStats
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.state import State
from learnkit.testing import tiny_learner

DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(40, 4, generator=DRAWN)
Y = (X.sum(1) > 0).long()


def make(model: nn.Module) -> Learner:
    data = DataBunch.from_arrays(X, Y, batch_size=8, valid_pct=0.2)
    return Learner(data, model, device="cpu", precision="fp32", mute="zero_gradient")


def net() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))


def fitted(model: nn.Module, epochs: int = 1, **options: Any) -> ActivationStats:
    stats = ActivationStats(**options)
    make(model).fit(epochs, 1e-12, callbacks=stats, progress=False)
    return stats


def test_the_numbers_are_those_of_the_layers_output() -> None:
    seen: list[Tensor] = []

    class Keep(Callback):
        def before_batch(self, state: State) -> None:
            if state.training:
                seen.append(state.batch.x)

    model, stats = net(), ActivationStats(every=2)
    make(model).fit(1, 1e-12, callbacks=[stats, Keep()], progress=False)
    outputs = [model[1](model[0](x)) for x in seen[::2]]
    assert list(stats.stats) == ["1"]
    for found, output in zip(stats.stats["1"], outputs, strict=True):
        zeros = (output == 0).float().mean()
        expected = torch.stack([output.mean(), output.std(correction=0), zeros])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_a_batch_that_is_computed_again_is_looked_at_once() -> None:
    stats = ActivationStats(every=1)
    make(net()).fit(1, 1e-12, callbacks=[stats, SAM()], progress=False)
    assert len(stats.stats["1"]) == 4


def test_a_dead_unit_is_one_that_gave_zero_for_every_sample() -> None:
    model = net()
    with torch.no_grad():
        model[0].bias[:2] = -100.0
    assert fitted(model, every=1).dead == {"1": pytest.approx(2 / 6)}


def test_channels_are_the_units_of_images() -> None:
    learn = tiny_learner(kind="images")
    with torch.no_grad():
        learn.model[0][1].bias[0] = -100.0  # type: ignore[index]
    stats = ActivationStats(every=1)
    learn.fit(1, 1e-12, callbacks=stats, progress=False)
    assert stats.dead == {"0.2": 0.25}


def test_a_layer_that_is_mostly_dead_is_named_once() -> None:
    model = net()
    with torch.no_grad():
        model[0].bias[:4] = -100.0
    with pytest.warns(UserWarning, match="ActivationStats") as caught:
        fitted(model, 3, every=1)
    assert [str(w.message) for w in caught] == [
        "ActivationStats: 67% of the units of 1 gave zero for every sample of this epoch and can "
        "no longer learn. A lower rate, a warm-up or LeakyReLU keeps units alive."
    ]


def test_layers_may_be_named_and_a_wrong_name_fails_at_once() -> None:
    assert list(fitted(net(), layers=["0", "2"]).stats) == ["0", "2"]
    model = nn.Sequential()
    model.add_module("first", nn.Linear(4, 2))
    with pytest.raises(ValueError, match="layer") as caught:
        fitted(model, layers=["frist"])
    assert str(caught.value) == (
        "ActivationStats(): the model has no layer 'frist'. Did you mean 'first'?"
    )


def test_without_activation_functions_layers_of_weights_are_looked_at() -> None:
    assert list(fitted(nn.Sequential(nn.Linear(4, 2))).stats) == ["0"]


def test_a_frozen_body_is_left_to_its_fast_path() -> None:
    learn = tiny_learner(kind="images")
    cnn = models.build_cnn(models.resnet18, 2, weights=None, head="plain")
    stats = ActivationStats(every=1)
    whole = Learner(learn.data, cnn, device="cpu", precision="fp32", mute="normalize")
    whole.freeze().fit(1, callbacks=stats, progress=False)
    assert stats.stats
    assert not any(name.startswith("body.") for name in stats.stats)


def test_hooks_are_gone_after_training_and_while_validating() -> None:
    model = net()
    counts: list[int] = []

    class Count(Callback):
        def before_batch(self, state: State) -> None:
            counts.append(len(model[1]._forward_hooks))

    make(model).fit(1, callbacks=[ActivationStats(), Count()], progress=False)
    assert counts == [1] * 4 + [0]
    assert not model[1]._forward_hooks


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    fitted(net(), 2, every=1).plot(path=tmp_path / "stats.png")
    assert (tmp_path / "stats.png").stat().st_size > 1000


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_every_is_a_whole_number(every: Any) -> None:
    with pytest.raises(ValueError, match="every") as caught:
        ActivationStats(every=every)
    assert str(caught.value) == (
        "ActivationStats(): every must be a whole number of batches of at least 1, "
        f"found {every!r}."
    )
