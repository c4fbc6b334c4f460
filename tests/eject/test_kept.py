"""What is kept of fits: the first weights of what changes, once, and what was decided."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit.data.bunch import DataBunch
from learnkit.eject import kept
from learnkit.learner import Learner

pytestmark = pytest.mark.filterwarnings("ignore:check ")

X = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))


def groups(net: Any) -> list[list[nn.Parameter]]:
    return [list(part.parameters()) for part in net]


def make() -> Learner:
    data = DataBunch.from_arrays(X, (X.sum(1) > 0).long(), batch_size=5)
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    return Learner(data, net, device="cpu", splitter=groups)


def test_of_a_frozen_body_nothing_is_copied_until_it_trains() -> None:
    learn = make().freeze()
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    learn.fit(1, progress=False)
    fits = learn._last.kept
    assert set(fits.start) == {"1.weight", "1.bias"}
    learn.unfreeze().fit(1, progress=False)
    assert fits is learn._last.kept
    assert set(fits.start) == set(before)
    assert all(torch.equal(fits.start[name], value) for name, value in before.items())
    assert [sorted(fit.trained) for fit in fits.fits] == [["1.bias", "1.weight"], sorted(before)]
    assert [(fit.epochs_before, fit.batches_before, fit.steps) for fit in fits.fits] == [
        (0, 0, 3),
        (1, 3, 3),
    ]


def test_weights_that_changed_places_are_noticed() -> None:
    learn = make()
    learn.fit(1, progress=False)
    assert learn._last.kept.unchanged(learn.model)
    with torch.no_grad():
        learn.model[0].weight.copy_(learn.model[0].weight.flip(0))
    assert not learn._last.kept.unchanged(learn.model)


def test_one_small_change_of_one_weight_is_noticed() -> None:
    """Two float32 numbers about a tensor would not see it."""
    learn = make()
    learn.fit(1, progress=False)
    with torch.no_grad():
        weight = learn.model[0].weight
        weight[1, 2] = torch.nextafter(weight[1, 2], torch.tensor(9.0))
    assert not learn._last.kept.unchanged(learn.model)


def test_an_optimizer_with_a_state_from_its_constructor_has_not_stepped() -> None:
    """Adagrad's is there before the first step."""
    net = nn.Linear(4, 2)
    optimizer = torch.optim.Adagrad(net.parameters())
    assert optimizer.state
    assert not kept.has_stepped(optimizer)
    net(X).sum().backward()
    optimizer.step()
    assert kept.has_stepped(optimizer)


def test_an_optimizer_without_a_past_may_begin_anew() -> None:
    """Only momentum from weights that are gone cannot be written."""
    learn = make()
    learn.fit(1, progress=False)
    with torch.no_grad():
        learn.model[0].weight.zero_()
    learn._optimizer = None
    learn.fit(1, progress=False)
    assert learn._last.kept.fault is None
    assert len(learn._last.kept.fits) == 1
    assert not learn._last.kept.start["0.weight"].any()


def test_more_than_the_limit_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MAX_BYTES", 10)
    learn = make()
    learn.fit(1, progress=False)
    assert learn._last.kept.start == {}
    assert learn._last.kept.fault == "its first weights take more than 0 GiB and were not kept"
