"""How weights start."""

import math

import pytest
import torch
from torch import nn

from learnkit.models.initialise import initialise
from learnkit.models.seeded import seeded

WIDTHS = (400, 200)


def started(init):
    with seeded(0, "test"):
        layer = nn.Linear(*WIDTHS)
        initialise(nn.Sequential(layer), init)
    return layer


@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        ("he", math.sqrt(2 / 400)),
        ("xavier", math.sqrt(2 / 600)),
        ("normal", 0.01),
        ("zeros", 0.0),
        (0.5, 0.5),
        (0, 0.0),
        ("torch", 1 / math.sqrt(3 * 400)),
    ],
)
def test_weights_have_the_deviation_of_their_scheme(init, deviation):
    assert float(started(init).weight.detach().std()) == pytest.approx(deviation, rel=0.02)


def test_he_keeps_the_size_of_activations_through_relus_and_a_small_start_does_not():
    """He et al. 2015, section 2.2: E[x^2] after ReLU stays what it was."""

    def after(init, layers=20):
        with seeded(0, "test"):
            parts = [part for _ in range(layers) for part in (nn.Linear(200, 200), nn.ReLU())]
            net = nn.Sequential(*parts)
            initialise(net, init)
            x = torch.randn(256, 200)
        with torch.no_grad():
            return float(net(x).square().mean())

    assert 0.1 < after("he") < 10
    assert after("normal") < 1e-10
    assert after(1.0) > 1e10


def test_biases_start_at_0_but_for_torch():
    assert not started("he").bias.any()
    assert started("torch").bias.any()


def test_a_layer_without_a_bias_is_no_trouble():
    layer = nn.Linear(3, 2, bias=False)
    initialise(layer, "zeros")
    assert not layer.weight.any()


@pytest.mark.parametrize(
    ("init", "found"),
    [
        ("xaviar", "'xaviar'. Did you mean 'xavier'?"),
        (-0.1, "-0.1."),
        (math.nan, "nan."),
        (math.inf, "inf."),
        (True, "True."),
        (None, "None."),
    ],
)
def test_another_start_is_refused(init, found):
    with pytest.raises(ValueError) as caught:
        initialise(nn.Linear(2, 2), init)
    assert str(caught.value) == (
        "init must be one of torch, he, xavier, normal, zeros, or the standard deviation of normal "
        f"weights from 0 to 1000; found {found}"
    )
