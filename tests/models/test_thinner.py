import pytest
import torch

from learnkit import models
from learnkit.errors import ModelError
from learnkit.models.spec import build_from_spec
from learnkit.models.thinner import thin


def trained(channels=(4, 6)):
    """Return a net whose norms have statistics of their own."""
    model = models.cnn(3, channels=channels)
    model.train()
    model(torch.rand(16, 3, 8, 8))
    return model.eval()


def test_channels_that_do_nothing_may_go_without_a_trace():
    model = trained()
    with torch.no_grad():
        for layer, gone in ((0, [1, 2]), (3, [0, 3, 4])):
            model[layer].weight[gone] = 0
            model[layer + 1].running_mean[gone] = 0
            model[layer + 1].bias[gone] = -1.0  # behind the ReLU nothing is left
    thinned = thin(model, 0.5)
    assert thinned.spec["channels"] == [2, 3]
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(thinned(x), model(x))
    assert str(build_from_spec(thinned.spec)) == str(thinned)


def test_the_smallest_filters_go_and_the_model_stays_as_it_is():
    model = trained((4,))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        model[0].weight[2] *= 100
    kept = thin(model, 0.9)
    assert kept.spec["channels"] == [1]
    assert torch.equal(kept[0].weight[0], model[0].weight[2])
    assert torch.equal(model.state_dict()["1.weight"], before["1.weight"])
    assert not kept.training


def test_what_cannot_be_thinned_is_refused():
    with pytest.raises(ValueError) as error:
        thin(trained(), 1.0)
    assert str(error.value) == "thin: amount must be above 0 and below 1; got 1.0."
    with pytest.raises(ModelError) as error:
        thin(models.mlp(4, 2), 0.5)
    assert str(error.value) == (
        "thin takes a model of models.cnn; got ScratchModel. prune(by='channel') takes any model "
        "with convolutions."
    )
