"""The learner that the checks train."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit.testing import tiny_learner
from learnkit.testing.compare import flat


@pytest.mark.parametrize("kind", ["arrays", "images"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_trains_with_all_that_may_go_wrong_in_it(kind: Any, n_classes: int) -> None:
    learn = tiny_learner(kind=kind, n_classes=n_classes)
    sizes = [len(batch.y) for batch in learn.data.train_dl]
    assert sizes == [4, 4, 4, 2]
    kinds = {type(module) for module in learn.model.modules()}
    assert nn.Dropout in kinds
    assert kinds & {nn.BatchNorm1d, nn.BatchNorm2d}
    assert len(learn.layer_groups) == 2
    labels = torch.cat([batch.y for batch in learn.data.train_dl])
    assert set(labels.tolist()) == set(range(n_classes))
    history = learn.fit(1, progress=False)
    assert {"train_loss", "valid_loss", "accuracy"} <= history[0].keys()


def test_two_of_them_are_the_same_to_the_last_bit_whoever_drew_before() -> None:
    fits = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        learn = tiny_learner()
        learn.fit(2, progress=False)
        fits.append(flat(learn.model.state_dict()))
    assert fits[0] == fits[1]
    assert fits[0] != flat(tiny_learner(seed=6).model.state_dict())


def test_a_wrong_option_is_told() -> None:
    with pytest.raises(ValueError) as caught:
        tiny_learner(kind="image")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "tiny_learner: kind must be \"arrays\" or \"images\"; got 'image'. Did you mean 'images'?"
    )
    with pytest.raises(ValueError) as caught:
        tiny_learner(n_classes=1)
    assert str(caught.value) == "tiny_learner: n_classes must be at least 2; got 1."
