import pytest
import torch

from learnkit import models
from learnkit.errors import ModelError


@pytest.mark.parametrize(
    ("build", "shape", "n_classes"),
    [
        (lambda seed: models.mlp(12, 5, 3, seed=seed), (4, 3, 2, 2), 3),
        (lambda seed: models.linear(12, 3, seed=seed), (4, 12), 3),
        (lambda seed: models.cnn(3, seed=seed), (4, 3, 33, 21), 3),
        (lambda seed: models.cnn(7, channels=(4, 8), in_channels=1, seed=seed), (4, 1, 9, 9), 7),
    ],
)
def test_each_gives_logits_is_one_group_and_depends_on_its_seed_alone(build, shape, n_classes):
    before = torch.random.get_rng_state()
    model = build(3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert model.eval()(torch.rand(shape)).shape == (shape[0], n_classes)
    assert [len(group) for group in model.layer_groups()] == [len(list(model.parameters()))]
    torch.testing.assert_close(model.state_dict(), build(3).state_dict(), rtol=0, atol=0)
    one, other = next(model.parameters()), next(build(4).parameters())
    assert not torch.equal(one, other)


def test_an_mlp_has_relu_between_its_layers_only():
    kinds = [type(layer).__name__ for layer in models.mlp(4, 3, 2)]
    assert kinds == ["Flatten", "Linear", "ReLU", "Linear"]


def test_the_specs_are_plain_values():
    assert models.mlp(4, 3, 2).spec == {"model": "mlp", "sizes": [4, 3, 2]}
    assert models.linear(4, 2).spec == {"model": "mlp", "sizes": [4, 2]}
    assert models.cnn(5, channels=(4, 8)).spec == {
        "model": "convnet",
        "n_classes": 5,
        "channels": [4, 8],
        "in_channels": 3,
    }


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: models.mlp(3), "mlp() needs the numbers in and out, such as mlp(784, 50, 10); "
         "found (3,)."),
        (lambda: models.mlp(3, 0), "sizes must be at least 1; found (3, 0)."),
        (lambda: models.cnn(0), "n_classes must be at least 1; found 0."),
        (lambda: models.cnn(2, channels=()), "channels must be at least 1; found ()."),
    ],
)  # fmt: skip
def test_impossible_numbers_are_refused(build, message):
    with pytest.raises(ValueError) as caught:
        build()
    assert str(caught.value) == message


def test_a_misspelt_keyword_names_the_nearest():
    with pytest.raises(TypeError) as caught:
        models.cnn(3, chanels=(4,))
    assert str(caught.value) == "cnn() has no argument 'chanels'. Did you mean 'channels'?"


@pytest.mark.parametrize("side", [8, 28])
def test_digits_of_one_channel_can_be_as_small_as_they_are(side):
    for build in (models.cnn, models.xresnet18):
        assert build(10, in_channels=1).eval()(torch.rand(2, 1, side, side)).shape == (2, 10)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            torch.rand(2, 1, 8, 8),
            "the model takes photos of 3 channels, and the data has 1: x (2, 1, 8, 8). Build it "
            "with in_channels=1.",
        ),
        (
            torch.rand(2, 8, 8),
            "the model takes photos (B, 3, H, W); the data has x (2, 8, 8). x[:, None] gives one "
            "channel to pictures (B, H, W).",
        ),
    ],
)
def test_photos_of_other_channels_are_told_with_both_numbers(x, message):
    for model in (models.cnn(2), models.xresnet18(2)):
        with pytest.raises(ModelError) as caught:
            model(x)
        assert str(caught.value) == message
