"""Generators, critics, the two as one model, and the bounds of their description."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit import models
from learnkit.errors import ExportError, ModelError
from learnkit.models.spec import build_from_spec, check_spec


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 6), (2, 4, 31)], ids=str)
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_pictures_of_any_shape_are_drawn_and_scored(shape: Any, norm: Any) -> None:
    generator = models.dcgan_generator(shape, n_latent=5, channels=[6, 4])
    critic = models.dcgan_critic(shape, channels=[4, 6], norm=norm)
    pictures = generator(torch.randn(3, 5)).detach()
    assert pictures.shape == (3, *shape)
    assert 0 <= float(pictures.min()) <= float(pictures.max()) <= 1
    assert critic(pictures).shape == (3,)


def test_the_nets_are_those_of_the_paper() -> None:
    generator = models.dcgan_generator((3, 64, 64), n_latent=100, channels=[1024, 512, 256, 128])
    maps = [m for m in generator if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in maps] == [
        *((1024, 512), (512, 256), (256, 128), (128, 3)),
    ]
    critic = models.dcgan_critic((3, 64, 64), channels=[128, 256, 512, 1024])
    norms = [m.num_features for m in critic if isinstance(m, nn.BatchNorm2d)]
    assert norms == [256, 512, 1024]  # none in the first layer
    weights = torch.cat([m.weight.detach().flatten() for m in maps])
    assert float(weights.std()) == pytest.approx(0.02, rel=0.01)


def test_a_gradient_penalty_needs_scores_of_each_picture_for_itself() -> None:
    x = torch.rand(4, 1, 8, 8)
    for norm, alone in (("batch", False), ("layer", True), ("none", True)):
        critic = models.dcgan_critic((1, 8, 8), channels=[4, 6], norm=norm)
        assert torch.allclose(critic(x)[:2], critic(x[:2]), atol=1e-7) is alone


def test_weights_are_a_function_of_the_seed_alone() -> None:
    z = torch.randn(2, 64)
    one, same, other = (models.dcgan_generator((1, 8, 8), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one(z), same(z))
    assert not torch.equal(one(z), other(z))


def two() -> models.GANModel:
    generator = models.dcgan_generator((1, 8, 8), n_latent=5, channels=[6])
    return models.GANModel(generator, models.dcgan_critic((1, 8, 8), channels=[4], norm="layer"))


def test_the_description_builds_both_nets_again() -> None:
    model = two()
    again = build_from_spec(model.spec)
    again.load_state_dict(model.state_dict())
    z = torch.randn(2, 5)
    assert torch.equal(again.eval()(z), model.eval()(z))
    assert again.critic.norm == "layer"


def test_each_net_is_a_layer_group() -> None:
    model = two()
    generator, critic = model.layer_groups()
    assert [id(p) for p in generator] == [id(p) for p in model.generator.parameters()]
    assert len(generator) + len(critic) == len(list(model.parameters()))


def test_pictures_instead_of_noise_are_refused_in_words() -> None:
    with pytest.raises(ModelError) as caught:
        two()(torch.zeros(2, 1, 8, 8))
    assert str(caught.value) == (
        "a GAN draws pictures of noise (B, 5), and has no answer to x (2, 1, 8, 8). "
        "learnkit.generative.sample(learn, 16) draws some."
    )


def test_nets_of_your_own_have_no_description_and_need_the_size_of_their_noise() -> None:
    own = nn.Linear(3, 4)
    model = models.GANModel(own, nn.Linear(4, 1), n_latent=3)
    assert (model.spec, model.n_latent) == (None, 3)
    with pytest.raises(ValueError, match=r"give n_latent=, a whole number of at least 1. Got None"):
        models.GANModel(own, nn.Linear(4, 1))
    with pytest.raises(TypeError, match=r"the critic must be a torch.nn.Module; got <class"):
        models.GANModel(own, nn.Linear, n_latent=3)  # type: ignore[arg-type]


def test_pictures_too_small_for_the_layers_are_refused() -> None:
    with pytest.raises(ValueError) as caught:
        models.dcgan_critic((1, 8, 7), channels=[4, 4, 4])
    assert str(caught.value) == (
        "3 layers halve the sides to nothing: pictures of 8 x 7 take at most 2. Give fewer "
        "channels."
    )


def test_maps_that_grow_far_beyond_the_pictures_are_refused() -> None:
    assert models.dcgan_generator((1, 8, 9), channels=[1] * 4)(torch.zeros(2, 64)).shape[2] == 8
    with pytest.raises(ValueError) as caught:
        models.dcgan_generator((1, 8, 9), channels=[1] * 5)
    assert str(caught.value) == (
        "5 layers double the sides of the generator's maps far beyond pictures of 8 x 9, which "
        "take at most 4. Give fewer channels."
    )


def test_a_norm_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got 'btch'. Did you mean 'batch'"):
        models.dcgan_critic((1, 8, 8), norm="btch")  # type: ignore[arg-type]


GOOD = {
    "model": "gan",
    "shape": [1, 8, 8],
    "n_latent": 5,
    "generator": [6],
    "critic": [4],
    "norm": "batch",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [8]}, "gan.shape must be [C, H, W] of at most"),
        ({"critic": [4] * 4}, "asks for 4 layers in gan.critic, which are too many for pictures"),
        ({"norm": "x"}, "gan.norm must be one of 'batch', 'layer', 'none'"),
        ({"generator": [100_000, 100_000]}, "parameters in gan.generator; at most"),
        ({"n_latent": 100_000, "generator": [10_000]}, "parameters in gan.generator; at most"),
        ({"critic": [50_000, 50_000]}, "parameters in gan.critic; at most"),
        ({"generator": [1] * 12}, "In the model description gan.generator is too long: 12 layers"),
        (
            {"shape": [1, 4_000, 4_000], "generator": [50] * 6},
            "asks for maps of 203212800 numbers in gan.generator; at most 100000000 are computed",
        ),
        (
            {"shape": [1, 4_000, 4_000], "critic": [30, 1]},
            "asks for maps of 120000000 numbers in gan.critic; at most 100000000 are computed",
        ),
        ({"critic": []}, "gan.critic must be a list of 1 to 64 whole numbers"),
    ],
    ids=str,
)
def test_a_description_out_of_bounds_is_refused_before_anything_is_built(
    change: dict[str, Any], message: str
) -> None:
    check_spec(GOOD)
    with pytest.raises(ExportError) as caught:
        check_spec({**GOOD, **change})
    assert message in str(caught.value)
