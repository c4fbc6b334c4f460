import pytest
import torch
from torch import nn

from learnkit import models
from learnkit.errors import ModelError
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.models.stages import Stages, cuts_of


def test_a_resnet_gives_the_last_map_of_each_size():
    body = models.resnet18.build_body(None).eval()
    stages = Stages(body, models.resnet18)
    x = torch.rand(2, 3, 64, 96)
    maps = stages(x)
    assert [tuple(one.shape[1:]) for one in maps] == [
        (64, 32, 48),
        (64, 16, 24),
        (128, 8, 12),
        (256, 4, 6),
        (512, 2, 3),
    ]
    assert stages.channels == (64, 64, 128, 256, 512)
    assert torch.equal(maps[-1], body(x))


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
def test_bodies_within_a_chain_are_opened(name):
    backbone = getattr(models, name)
    maps = Stages(backbone.build_body(None).eval(), backbone)(torch.rand(1, 3, 64, 64))
    assert [one.shape[2] for one in maps] == [32, 16, 8, 4, 2]


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_timms_models_give_their_maps_without_what_comes_after_them(name):
    pytest.importorskip("timm", reason="needs the extra timm")
    backbone = models.timm(name)
    stages = Stages(backbone.build_body(None), backbone).eval()
    maps = stages(torch.rand(1, 3, 64, 64))
    sides = [one.shape[2] for one in maps]
    assert sides == sorted(sides, reverse=True)
    assert len(set(sides)) == len(sides) >= 4
    assert tuple(one.shape[1] for one in maps) == stages.channels
    sum(one.sum() for one in maps).backward()
    assert [n for n, p in stages.named_parameters() if p.grad is None] == []


def test_torchvision_and_timm_cut_a_resnet_in_the_same_places():
    pytest.importorskip("timm", reason="needs the extra timm")
    assert cuts_of(models.resnet18).channels == cuts_of(models.timm("resnet18")).channels


def test_maps_of_one_size_are_refused():
    pytest.importorskip("timm", reason="needs the extra timm")
    with pytest.raises(ModelError) as refused:
        cuts_of(models.timm("vit_tiny_patch16_224"))
    assert str(refused.value) == (
        "All maps of timm/vit_tiny_patch16_224 have one size (14 x 14), and a UNet needs larger "
        "ones too: take a convolutional model, or one such as swin."
    )


class _Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)

    def forward(self, x):
        return self.conv(x)


class _OwnSource(BackboneSource):
    def build(self, weights):
        return _Own()


def test_a_body_that_gives_its_last_map_alone_is_refused():
    with pytest.raises(ModelError) as refused:
        cuts_of(Backbone("mine", _OwnSource()))
    assert str(refused.value) == (
        "The body of mine gives only its last map, and a UNet needs those before it too: take one "
        "of torchvision's, or one of timm's that has forward_intermediates."
    )
