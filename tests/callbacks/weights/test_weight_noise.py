"""WeightNoise: what forward and backward see, and that nobody else ever does."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.callback import Callback
from learnkit.callbacks.weights.weight_noise import WeightNoise
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.sanity.names import CHECKS
from learnkit.state import Phase, SkipBatch, State
from learnkit.testing import tiny_learner


class Weights(Callback):
    """Note the weights of the first layer, at each hook of a batch."""

    def __init__(self) -> None:
        self.at: dict[str, list[Tensor]] = {}

    def note(self, hook: str, state: State) -> None:
        key = hook if state.training else f"valid {hook}"
        first = next(p for p in state.model.parameters() if p.ndim > 1)
        self.at.setdefault(key, []).append(first.detach().clone())


def _noting(hook: str) -> Any:
    return lambda self, state: self.note(hook, state)


for _hook in ("before_batch", "after_forward", "after_loss", "before_step", "after_batch"):
    setattr(Weights, _hook, _noting(_hook))


def test_noise_is_there_from_before_the_batch_to_before_the_step() -> None:
    before, after = Weights(), Weights()
    tiny_learner().fit(1, callbacks=[before, WeightNoise(0.1), after], progress=False)
    clean = before.at["before_batch"]
    for hook in ("before_batch", "after_forward", "after_loss"):
        assert all(not torch.equal(a, b) for a, b in zip(after.at[hook], clean, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(after.at["before_step"], clean, strict=True))
    # after the step, weights are those that the next batch begins with
    assert all(
        torch.equal(a, b) for a, b in zip(after.at["after_batch"][:-1], clean[1:], strict=True)
    )


def test_validation_has_none() -> None:
    watch, learn = Weights(), tiny_learner()
    learn.fit(1, callbacks=[WeightNoise(0.5), watch], progress=False)
    final = learn.model[0][0].weight
    assert all(torch.equal(w, final) for w in watch.at["valid after_forward"])


def test_a_batch_without_a_step_leaves_none_behind() -> None:
    """Accumulation, and batches that are skipped."""

    class Skipping(Callback):
        def after_forward(self, state: State) -> None:
            if state.progress.batches_done == 1 and state.training:
                raise SkipBatch

    before, after = Weights(), Weights()
    tiny_learner().fit(
        1, callbacks=[before, WeightNoise(0.1), Skipping(), after], accumulate=2, progress=False
    )
    clean = before.at["before_batch"]
    assert torch.equal(clean[1], clean[0])
    assert torch.equal(after.at["after_batch"][0], clean[0])
    assert torch.equal(after.at["after_batch"][1], clean[1])


def test_the_step_is_by_the_gradient_that_the_noise_gives() -> None:
    """A quadratic: the gradient at w + noise, applied to w."""
    x = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.zeros(6, 1, dtype=torch.float64)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=6)
    model = nn.Linear(3, 1, bias=False).double()
    w, seen = model.weight.detach().clone(), Weights()
    learn = Learner(
        DataBunch.from_dls(loader),
        model,
        loss_func=F.mse_loss,
        opt_func=torch.optim.SGD,
        device="cpu",
        mute=CHECKS,
    )
    options = {"weight_decay": 0, "schedule": lambda t: 1.0, "progress": False}
    learn.fit(1, 0.1, callbacks=[WeightNoise(0.3), seen], **options)
    noisy = seen.at["after_forward"][0]
    expected = w - 0.1 * (2 / 6 * noisy @ x.T @ x)
    torch.testing.assert_close(model.weight.data, expected, rtol=0, atol=1e-12)


def test_the_noise_has_its_standard_deviation_and_is_another_in_each_batch() -> None:
    state = State(nn.Linear(100, 100))
    state.open_phase(Phase.TRAIN, batches=1)
    callback, before, noises = WeightNoise(0.05), state.model.weight.detach().clone(), []
    for _ in range(2):
        callback.before_batch(state)
        noises.append(state.model.weight.detach() - before)
        callback.after_batch(state)
    assert torch.equal(state.model.weight, before)
    assert noises[0].std().item() == pytest.approx(0.05, rel=0.03)
    assert noises[0].mean().item() == pytest.approx(0.0, abs=0.002)
    assert not torch.equal(noises[0], noises[1])


def test_norms_biases_and_frozen_weights_have_none() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    model[2].weight.requires_grad_(False)
    state, callback = State(model), WeightNoise(0.1)
    state.open_phase(Phase.TRAIN, batches=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    callback.before_batch(state)
    moved = [n for n, v in model.state_dict().items() if not torch.equal(v, before[n])]
    assert moved == ["0.weight"]
    callback.after_fit(state)


def test_there_is_none_after_until() -> None:
    """Of eight steps the first four have it."""
    before, after = Weights(), Weights()
    tiny_learner().fit(2, callbacks=[before, WeightNoise(0.1, until=0.5), after], progress=False)
    pairs = zip(before.at["before_batch"], after.at["before_batch"], strict=True)
    assert [torch.equal(a, b) for a, b in pairs] == [False] * 4 + [True] * 4


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_amid_a_batch_takes_it_off(error: type[BaseException]) -> None:
    class Failing(Callback):
        def after_loss(self, state: State) -> None:
            raise error

    learn = tiny_learner()
    before = {name: p.detach().clone() for name, p in learn.model.named_parameters()}
    with pytest.raises(error):
        learn.fit(1, callbacks=[WeightNoise(0.1), Failing()], progress=False)
    assert all(torch.equal(p, before[name]) for name, p in learn.model.named_parameters())


def test_lbfgs_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        tiny_learner(opt_func=torch.optim.LBFGS).fit(1, callbacks=WeightNoise(0.1), progress=False)
    assert str(caught.value) == (
        "WeightNoise changes the gradient of a step, and L-BFGS computes its own again and again "
        "within it; leave one of the two out."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"std": -0.1}, "WeightNoise(): std must be a number of at least 0, found -0.1."),
        ({"std": math.nan}, "WeightNoise(): std must be a number of at least 0, found nan."),
        (
            {"std": 0.1, "until": 2},
            "WeightNoise(): until must be a fraction of the fit in [0, 1], found 2.",
        ),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        WeightNoise(**options)
    assert str(caught.value) == message
