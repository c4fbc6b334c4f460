import copy

import pytest
import torch

from learnkit import models
from learnkit.errors import ExportError, ModelError
from learnkit.models.spec import build_from_spec, check_spec, outline_from_spec, takes_photos
from learnkit.models.unet import build_unet


@pytest.fixture(scope="module")
def unet():
    return build_unet(models.resnet18, 3, weights=None, width=32)


@pytest.mark.parametrize("size", [(64, 64), (65, 33), (50, 70), (32, 100)])
def test_the_answer_is_as_large_as_the_photo_whatever_its_size(unet, size):
    with torch.no_grad():
        assert unet.eval()(torch.rand(2, 3, *size)).shape == (2, 3, *size)


def test_each_parameter_is_in_one_group_and_all_have_a_gradient(unet):
    groups = unet.layer_groups()
    flat = [id(p) for group in groups for p in group]
    assert len(groups) == 3
    assert sorted(flat) == sorted(id(p) for p in unet.parameters())
    model = copy.deepcopy(unet).train()
    model(torch.rand(2, 3, 40, 40)).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_first_numbers_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = build_unet(models.resnet18, 2, weights=None, width=16, seed=3).state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again = build_unet(models.resnet18, 2, weights=None, width=16, seed=3).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    other = build_unet(models.resnet18, 2, weights=None, width=16, seed=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["decoder.last.weight"], other["decoder.last.weight"])


def test_a_description_rebuilds_the_model(unet):
    assert unet.spec == {"model": "unet", "backbone": "resnet18", "n_classes": 3, "width": 32}
    back = build_from_spec(unet.spec)
    back.load_state_dict(unet.state_dict())
    x = torch.rand(1, 3, 40, 56)
    with torch.no_grad():
        assert torch.equal(back.eval()(x), unet.eval()(x))
    outline = outline_from_spec(unet.spec)
    assert {n: p.shape for n, p in outline.state_dict().items()} == {
        n: p.shape for n, p in unet.state_dict().items()
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 8}, "unet.width must be a whole number from 16 to 2048; found 8"),
        ({"width": 1 << 20}, "unet.width must be a whole number from 1 to 100000"),
        ({"n_classes": 0}, "unet.n_classes must be a whole number from 1 to 100000"),
        ({"backbone": "resnet19"}, "resnet19"),
        ({"hooks": []}, "unknown field 'hooks'"),
    ],
)
def test_a_description_that_is_out_of_bounds_is_refused(unet, change, words):
    with pytest.raises(ExportError, match=words):
        check_spec({**unet.spec, **change})


def test_a_description_does_not_take_photos_whose_answer_would_fill_the_memory(unet):
    assert takes_photos(unet.spec, 512, 512)
    assert not takes_photos({**unet.spec, "n_classes": 100_000}, 512, 512)


def test_options_that_cannot_be_used_are_refused():
    with pytest.raises(ModelError, match=r"^A backbone is a value such as models\.resnet34"):
        build_unet("resnet18", 3, weights=None)
    with pytest.raises(ValueError, match=r"must be a whole number from 16 to 2048; found 8\.$"):
        build_unet(models.resnet18, 3, weights=None, width=8)
