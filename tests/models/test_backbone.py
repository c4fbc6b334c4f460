import functools
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from learnkit import models
from learnkit.errors import ModelError, WeightsError
from learnkit.models.backbone import Backbone, BackboneSource, Inputs
from learnkit.models.catalogue import backbone_names, find_backbone

N_FEATURES = {
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "resnet152": 2048,
    "resnext50_32x4d": 2048,
    "resnext101_32x8d": 2048,
    "wide_resnet50_2": 2048,
    "mobilenet_v2": 1280,
    "mobilenet_v3_small": 576,
    "mobilenet_v3_large": 960,
    "efficientnet_b0": 1280,
    "efficientnet_b1": 1280,
    "efficientnet_b2": 1408,
    "efficientnet_b3": 1536,
    "efficientnet_b4": 1792,
    "efficientnet_v2_s": 1280,
    "convnext_tiny": 768,
    "convnext_small": 768,
    "convnext_base": 1024,
    "efficientnet_lite0": 1280,
}


@dataclass(frozen=True)
class OneConv(BackboneSource):
    """The least backbone of one's own."""

    width: int = 4

    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, self.width, 3, stride=8))


@dataclass(frozen=True)
class NoMap(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        return nn.Flatten()


@functools.cache
def meta_body(name: str) -> nn.Module:
    """A body without memory or numbers."""
    with torch.device("meta"):
        return find_backbone(name).build_body(None).eval()


def test_the_table_of_this_test_names_every_backbone():
    assert set(N_FEATURES) == set(backbone_names())


@pytest.mark.parametrize("name", N_FEATURES)
def test_every_backbone_gives_maps_of_the_width_that_it_states(name):
    backbone = find_backbone(name)
    with torch.no_grad():
        maps = meta_body(name)(torch.zeros(2, 3, 96, 96, device="meta"))
    assert maps.shape == (2, N_FEATURES[name], 3, 3)
    assert backbone.n_features == N_FEATURES[name]
    assert not backbone.pooled
    assert not backbone.fixed_size


@pytest.mark.parametrize("name", N_FEATURES)
def test_every_parameter_of_every_backbone_is_in_exactly_one_of_two_groups(name):
    body = meta_body(name)
    early, late = find_backbone(name).layer_groups(body)
    grouped = [id(p) for p in early + late]
    assert early
    assert late
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(p) for p in body.parameters()}


def test_a_resnet_is_cut_before_layer3_as_in_fastai():
    """fastai v2: L(m[0][:6], m[0][6:], m[1:]) over conv1 bn1 relu maxpool layer1..4."""
    body = meta_body("resnet18")
    early, late = models.resnet18.layer_groups(body)
    names = {id(p): n.split(".")[0] for n, p in body.named_parameters()}
    assert {names[id(p)] for p in early} == {"conv1", "bn1", "layer1", "layer2"}
    assert {names[id(p)] for p in late} == {"layer3", "layer4"}


def test_other_families_are_cut_in_two_halves_of_whole_blocks():
    body = meta_body("convnext_tiny")
    early, late = models.convnext_tiny.layer_groups(body)
    block = {id(p): ".".join(n.split(".")[:3]) for n, p in body.named_parameters()}
    assert not {block[id(p)] for p in early} & {block[id(p)] for p in late}


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("resnet34", Inputs((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 224, "bilinear")),
        ("efficientnet_b4", Inputs((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 380, "bicubic")),
        ("efficientnet_lite0", Inputs((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 224, "bicubic")),
    ],
)
def test_the_facts_are_those_of_the_weights_metadata(name, inputs):
    backbone = find_backbone(name)
    facts = Inputs(backbone.mean, backbone.std, backbone.size, backbone.interpolation)
    assert facts == inputs


def test_a_backbone_is_a_short_frozen_value():
    assert repr(models.resnet34) == "Backbone(name='resnet34')"
    assert models.resnet34 == find_backbone("resnet34")
    assert models.resnet34 != models.resnet18
    with pytest.raises(FrozenInstanceError):
        models.resnet34.name = "x"


def test_facts_leave_the_callers_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    assert Backbone("mine", OneConv(5)).n_features == 5
    torch.testing.assert_close(torch.rand(4), expected, rtol=0, atol=0)


def test_a_backbone_of_ones_own_is_one_constructor_call():
    mine = Backbone("mine", OneConv())
    assert (mine.n_features, mine.mean, mine.size) == (4, Inputs().mean, 224)
    body = mine.build_body(None)
    assert body(torch.zeros(1, 3, 32, 32)).shape == (1, 4, 4, 4)
    assert [len(group) for group in mine.layer_groups(body)] == [0, 2]


def test_a_body_without_maps_is_refused():
    with pytest.raises(ModelError) as caught:
        _ = Backbone("flat", NoMap()).n_features
    assert str(caught.value) == (
        "The body of NoMap() must give maps (B, C, h, w) for photos (B, 3, 224, 224); "
        "found (1, 150528)."
    )


def test_a_backbone_without_weights_of_its_own_says_so():
    with pytest.raises(WeightsError) as caught:
        Backbone("mine", OneConv()).build_body("default")
    assert str(caught.value) == (
        "mine has no pretrained weights of its own. Use weights=PATH with a .pth or .safetensors "
        "file, or weights=None for random numbers."
    )


def test_a_misspelt_tag_names_the_nearest():
    with pytest.raises(WeightsError) as caught:
        models.resnet50.build_body("IMAGENET1K_V3")
    assert str(caught.value) == (
        "resnet50 has no weights 'IMAGENET1K_V3', and no file of that name was found. "
        "Did you mean 'IMAGENET1K_V2'? "
        'Known: "default", IMAGENET1K_V2, IMAGENET1K_V1; or the path of a file; or None.'
    )


def test_weights_that_are_neither_tag_nor_path_are_refused():
    with pytest.raises(TypeError) as caught:
        models.resnet50.build_body(True)
    assert str(caught.value) == (
        'weights must be "default", a tag, the path of a file, or None; found bool.'
    )


def saved(folder: Path, state: dict[str, Tensor], name: str = "w.pth") -> Path:
    torch.save(state, folder / name)
    return folder / name


@pytest.mark.parametrize("kind", [str, Path])
def test_weights_may_be_a_path(tmp_path, kind):
    mine = Backbone("mine", OneConv())
    state = {"0.weight": torch.ones(4, 3, 3, 3), "0.bias": torch.zeros(4)}
    body = mine.build_body(kind(saved(tmp_path, state)))
    torch.testing.assert_close(body.state_dict()["0.weight"], torch.ones(4, 3, 3, 3))


def test_a_word_is_a_path_when_such_a_file_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, {"0.weight": torch.ones(4, 3, 3, 3), "0.bias": torch.ones(4)}, "weights")
    body = Backbone("mine", OneConv()).build_body("weights")
    torch.testing.assert_close(body.state_dict()["0.bias"], torch.ones(4))
