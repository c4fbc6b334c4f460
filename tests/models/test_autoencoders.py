"""Autoencoders of any shape, their descriptions, and what an export may ask for."""

from typing import Any

import pytest
import torch

from learnkit import models
from learnkit.errors import ExportError, ModelError
from learnkit.models.picture_layers import halved
from learnkit.models.spec import build_from_spec, check_spec, n_outputs, takes_photos

SHAPES = [(1, 8, 8), (3, 7, 5), (2, 1, 9)]
BUILDERS = [models.autoencoder, models.vae]


@pytest.mark.parametrize("build", BUILDERS, ids=["plain", "variational"])
@pytest.mark.parametrize("options", [{"hidden": [9, 6]}, {"channels": [4, 6, 5]}], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pictures_of_any_shape_come_back_in_it_and_in_their_range(
    build: Any, options: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    model = build(shape, 3, **options).eval()
    x = torch.rand(4, *shape)
    codes = model.encode(x)
    assert codes.shape == (4, 3)
    back = model(x).detach()
    assert back.shape == x.shape
    assert 0 <= float(back.min()) <= float(back.max()) <= 1
    torch.testing.assert_close(model.decode(codes).detach(), back)


@pytest.mark.parametrize("build", BUILDERS, ids=["plain", "variational"])
def test_the_description_builds_the_same_architecture(build: Any) -> None:
    for options in ({"hidden": [9]}, {"channels": [4, 6]}):
        model = build((3, 6, 6), 2, seed=1, **options)
        again = build_from_spec(model.spec)
        again.load_state_dict(model.state_dict())
        x = torch.rand(2, 3, 6, 6)
        assert torch.equal(again.eval()(x), model.eval()(x))
        assert n_outputs(model.spec) is None
        assert takes_photos(model.spec, 6, 6)
        assert not takes_photos(model.spec, 6, 7)


def test_weights_are_a_function_of_the_seed_alone() -> None:
    one, same, other = (models.autoencoder((1, 4, 4), 2, seed=seed) for seed in (1, 1, 2))
    x = torch.rand(2, 1, 4, 4)
    assert torch.equal(one(x), same(x))
    assert not torch.equal(one(x), other(x))


def test_pictures_without_a_channel_and_of_bytes_are_taken_and_others_refused() -> None:
    model = models.autoencoder((1, 4, 4), 2)
    raw = torch.randint(0, 256, (2, 4, 4), dtype=torch.uint8)
    assert torch.equal(model(raw), model(raw[:, None].float() / 255))
    with pytest.raises(ModelError) as caught:
        model(torch.zeros(2, 1, 4, 5))
    assert str(caught.value) == "pictures (B, 1, 4, 4) are needed; found (2, 1, 4, 5)."


def test_a_log_variance_is_bounded_so_that_a_loss_stays_a_number() -> None:
    model = models.vae((1, 2, 2), 1, hidden=[2])
    with torch.no_grad():
        for p in model.encoder.parameters():
            p.fill_(1e4)
    assert model.stats(torch.ones(1, 1, 2, 2))[1].tolist() == [[20.0]]


@pytest.mark.parametrize(
    ("shape", "n_latent", "options", "message"),
    [
        ((8, 8), 2, {}, "shape must be (C, H, W), whole numbers of at least 1; found (8, 8)."),
        (
            (1, 0, 8),
            2,
            {},
            "shape must be (C, H, W), whole numbers of at least 1; found (1, 0, 8).",
        ),
        ((1, 8, 8), 0, {}, "n_latent must be at least 1; found 0."),
        ((1, 8, 8), 2, {"hidden": [4, 0]}, "hidden must be at least 1; found (4, 0)."),
        ((1, 8, 8), 2, {"channels": [0]}, "channels must be at least 1; found 0."),
    ],
)
def test_what_cannot_be_built_is_said(
    shape: Any, n_latent: int, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        models.autoencoder(shape, n_latent, **options)
    assert str(caught.value) == message


GOOD = {"model": "vae", "shape": [1, 8, 8], "n_latent": 2, "hidden": [4], "channels": []}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [8, 8]}, "vae.shape must be [C, H, W] of at most"),
        ({"shape": [3, 90_000, 90_000]}, "vae.shape must be [C, H, W] of at most"),
        ({"n_latent": 0}, "vae.n_latent must be a whole number from 1"),
        ({"hidden": "x"}, "vae.hidden must be a list of 1 to 64 whole numbers"),
        ({"hidden": []}, "must have hidden layers or channels; found neither"),
        ({"channels": [4]}, "must have hidden layers or channels; found both"),
        ({"shape": [1, 9_000, 9_000], "hidden": [9_000]}, "parameters in vae.hidden; at most"),
        ({"hidden": [100_000, 100_000]}, "parameters in vae.hidden; at most"),
        ({"hidden": [], "channels": [50_000, 50_000]}, "parameters in vae.channels; at most"),
        (
            {"hidden": [], "channels": [4_000], "shape": [1, 4_000, 4_000]},
            "parameters in vae.channels; at most",
        ),
        (
            {"hidden": [], "channels": [100] + [1] * 12, "shape": [1, 10_000, 10_000]},
            "asks for maps of 10000000000 numbers in vae.channels; at most 100000000 are computed",
        ),
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


@pytest.mark.parametrize("name", ["autoencoder", "vae"])
@pytest.mark.parametrize("layers", [{"hidden": [300, 200]}, {"channels": [40, 50]}], ids=str)
def test_the_bound_counts_the_weights_that_are_there(name: str, layers: dict[str, Any]) -> None:
    """The parameters that a description asks for, against those of the model, without biases."""
    from learnkit.models.kinds import autoencoder as kind

    counted: list[int] = []
    model = (models.autoencoder if name == "autoencoder" else models.vae)((2, 20, 10), 7, **layers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "check_size", lambda where, n: counted.append(n))
        kind.check(name, 1 if name == "autoencoder" else 2, model.spec)
    true = sum(p.numel() for p in model.parameters())
    assert abs(counted[0] - true) < 0.03 * true


def test_sides_are_halved_rounded_up() -> None:
    assert halved((3, 224, 1), 3) == [(224, 1), (112, 1), (56, 1), (28, 1)]


@pytest.mark.parametrize("build", [models.autoencoder, models.vae])
@pytest.mark.parametrize("name", ["hidden", "channels"])
def test_widths_that_are_no_list_of_whole_numbers_are_refused(build: Any, name: str) -> None:
    with pytest.raises(ValueError) as caught:
        build((1, 8, 8), 2, **{name: 16})
    assert str(caught.value) == (
        f"{name} must be a list of whole numbers, such as [64, 32]; found 16."
    )
    with pytest.raises(ValueError) as caught:
        build((1, 8, 8), 2, **{name: [16, 2.5]})
    assert str(caught.value) == (f"{name} must be whole numbers of at least 1; found (16, 2.5).")
