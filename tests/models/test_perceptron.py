"""Perceptrons by sizes, or by depth and width."""

import hashlib
import json

import pytest
import torch
from torch import nn

from learnkit import DataBunch, Learner, load_learner, models
from learnkit.errors import ExportError, ModelError
from learnkit.models.spec import build_from_spec

SWITCHES = {
    "activation": "tanh",
    "norm": "batch",
    "dropout": 0.25,
    "residual": True,
    "bias": False,
    "init": "xavier",
}


def digest(model):
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        found.update(name.encode() + value.numpy().tobytes())
    return found.hexdigest()[:16]


def test_calls_of_before_the_switches_give_the_weights_and_descriptions_of_then():
    assert digest(models.mlp(784, 50, 10)) == "09e632fcdcf33d0d"
    assert digest(models.mlp(12, 5, 3, seed=3)) == "ce2752207c00fa5c"
    assert digest(models.linear(12, 3, seed=4)) == "ed0af9b5e56de53d"
    assert models.mlp(784, 50, 10).spec == {"model": "mlp", "sizes": [784, 50, 10]}


def test_depth_and_width_are_another_way_to_name_the_hidden_layers():
    by_sizes, by_depth = models.mlp(6, 5, 5, 3), models.mlp(6, 3, depth=2, width=5)
    assert by_depth.spec == by_sizes.spec
    assert digest(by_depth) == digest(by_sizes)
    assert digest(models.mlp(6, 3, depth=0, width=5)) == digest(models.linear(6, 3))


def test_a_linear_model_can_go_without_a_constant():
    model = models.linear(4, 2, bias=False)
    assert [name for name, _ in model.named_parameters()] == ["1.weight"]
    assert model.spec == {"model": "mlp", "sizes": [4, 2], "bias": False}
    assert models.linear(4, 2).spec == {"model": "mlp", "sizes": [4, 2]}


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_alone_is_in_the_description_and_comes_back_from_it(name):
    model = models.mlp(6, 3, depth=3, width=5, **{name: SWITCHES[name]})
    assert model.spec == {"model": "mlp", "sizes": [6, 5, 5, 5, 3], name: SWITCHES[name]}
    again = build_from_spec(json.loads(json.dumps(model.spec)))
    assert (str(again), again.spec) == (str(model), model.spec)


def test_all_switches_train_export_and_predict_as_before(tmp_path):
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    data = DataBunch.from_arrays(x, (x.sum(1) > 0).long(), classes=["low", "high"], batch_size=16)
    learn = Learner(
        data, models.mlp(6, 2, depth=3, width=5, **SWITCHES), device="cpu", path=tmp_path
    )
    learn.fit(2, progress=False)
    learn.export("model")
    ours, theirs = learn.predict(x[0]), load_learner(tmp_path / "model").predict(x[0])
    assert torch.equal(ours.probabilities, theirs.probabilities)
    assert ours.label == theirs.label


MLP = {"model": "mlp", "sizes": [4, 3, 2]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"activation": "exec"},
            "mlp.activation must be one of 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', "
            "'tanh', 'sigmoid', 'identity'; found 'exec'.",
        ),
        ({"norm": 3}, "mlp.norm must be one of 'batch', 'layer', None; found 3."),
        ({"dropout": 1.5}, "mlp.dropout must be a number in [0, 1); found 1.5."),
        ({"residual": 1}, "mlp.residual must be true or false; found 1."),
        ({"bias": None}, "mlp.bias must be true or false; found None."),
        (
            {"init": 1e9},
            "mlp.init must be one of torch, he, xavier, normal, zeros or a number from 0 to 1000; "
            "found 1000000000.0.",
        ),
        (
            {"init": ["he"]},
            "mlp.init must be one of torch, he, xavier, normal, zeros or a number from 0 to 1000; "
            "found ['he'].",
        ),
    ],
)
def test_a_description_from_a_stranger_is_held_to_the_bounds(change, message):
    with pytest.raises(ExportError) as caught:
        build_from_spec(MLP | change)
    assert str(caught.value) == "In the model description " + message


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: models.mlp(3),
            "mlp() needs the numbers in and out, such as mlp(784, 50, 10); found (3,).",
        ),
        (lambda: models.mlp(3, 0), "sizes must be at least 1; found (3, 0)."),
        (
            lambda: models.mlp(8, 5, 2, depth=2, width=5),
            "mlp() has its hidden layers from sizes=(8, 5, 2) and again from depth=2, width=5. "
            "Give one of the two: mlp(8, 2, depth=2, width=5), or the sizes alone.",
        ),
        (
            lambda: models.mlp(8, 2, depth=3),
            "mlp() takes depth and width together, such as mlp(784, 10, depth=2, width=50); found "
            "depth=3 and width=None.",
        ),
        (
            lambda: models.mlp(8, 2, depth=-1, width=4),
            "depth must be a whole number of at least 0; found -1.",
        ),
        (lambda: models.mlp(8, 2, depth=1, width=0), "width must be at least 1; found 0."),
    ],
)
def test_sizes_that_clash_are_refused(build, message):
    with pytest.raises(ValueError) as caught:
        build()
    assert str(caught.value) == message


def test_a_misspelt_switch_names_the_nearest():
    with pytest.raises(TypeError) as caught:
        models.mlp(4, 2, activaton="relu")
    assert str(caught.value) == "mlp() has no argument 'activaton'. Did you mean 'activation'?"


def test_a_width_that_the_data_does_not_have_is_told_with_both_numbers():
    data = DataBunch.from_arrays(torch.rand(20, 64), [0, 1] * 10, batch_size=16)
    with pytest.raises(ModelError) as caught:
        Learner(data, models.mlp(784, 50, 2), device="cpu").fit(1, progress=False)
    assert str(caught.value) == (
        "the model takes 784 numbers per sample, and the data has 64: x (16, 64). Build it with "
        "n_in=64, such as models.mlp(64, ...)."
    )


def test_the_gradient_of_deep_sigmoids_vanishes_and_a_way_round_keeps_it():
    def ratio(**switches):
        model = models.mlp(6, 2, depth=12, width=16, **switches)
        x = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))
        model(x).square().mean().backward()
        linears = [m for m in model.modules() if isinstance(m, nn.Linear)]
        return float(linears[0].weight.grad.norm() / linears[-1].weight.grad.norm())

    assert ratio(activation="sigmoid") < 1e-6
    assert ratio(activation="sigmoid", residual=True) > 1e-3
    assert ratio(norm="layer", residual=True) > 1e-2
