"""The hidden layers of a perceptron."""

import pytest
import torch
from torch import nn

from learnkit.models.dense import ACTIVATIONS, Hidden, Residual


def kinds(**options):
    return [type(layer).__name__ for layer in Hidden(**options).layers([6, 5, 5, 3])]


def test_norm_comes_before_the_activation_and_dropout_after_it():
    assert kinds(norm="layer", activation="gelu", dropout=0.1) == [
        *("Linear", "LayerNorm", "GELU", "Dropout") * 2,
        "Linear",
    ]


def test_a_way_round_goes_where_widths_are_the_same_and_not_round_the_last_layer():
    assert kinds(residual=True) == ["Linear", "Residual", "ReLU", "Linear"]
    same = [type(layer).__name__ for layer in Hidden(residual=True).layers([5, 5, 5])]
    assert same == ["Linear", "ReLU", "Linear"]


def test_layers_are_in_the_same_order_with_and_without_a_way_round():
    def flat(residual):
        layers = nn.Sequential(*Hidden(norm="batch", residual=residual).layers([6, 5, 5, 3]))
        return [type(m).__name__ for m in layers.modules() if not list(m.children())]

    assert flat(True) == flat(False)


def test_a_residual_adds_its_input():
    double = Residual(nn.Linear(3, 3, bias=False))
    with torch.no_grad():
        double[0].weight.copy_(torch.eye(3))
    x = torch.rand(2, 3)
    torch.testing.assert_close(double(x), 2 * x)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_one_of_torch(activation):
    layers = list(Hidden(activation=activation).layers([2, 2, 2]))
    assert type(layers[1]).__module__.startswith("torch.nn.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"activation": "rellu"},
            "activation must be one of relu, leaky_relu, elu, selu, gelu, silu, tanh, sigmoid, "
            "identity; found 'rellu'. Did you mean 'relu'?",
        ),
        (
            {"norm": "bacth"},
            "norm must be one of batch, layer or None; found 'bacth'. Did you mean 'batch'?",
        ),
        (
            {"norm": nn.LayerNorm},
            f"norm must be one of batch, layer or None; found {nn.LayerNorm}.",
        ),
        ({"dropout": 1.0}, "dropout must be a fraction in [0, 1); found 1.0."),
        ({"dropout": True}, "dropout must be a fraction in [0, 1); found True."),
    ],
)
def test_what_there_is_not_is_refused(options, message):
    with pytest.raises(ValueError) as caught:
        Hidden(**options)
    assert str(caught.value).replace("<class '", "").replace("'>", "") == message.replace(
        "<class '", ""
    ).replace("'>", "")
