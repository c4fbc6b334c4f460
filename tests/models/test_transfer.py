from copy import deepcopy
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from learnkit import models
from learnkit.errors import ModelError
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.models.head import ConcatPool, MeanPool
from learnkit.models.transfer import build_cnn


@dataclass(frozen=True)
class TinySource(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2))


TINY = Backbone("tiny", TinySource())


def test_photos_in_logits_out_and_three_groups_of_all_parameters():
    model = build_cnn(TINY, 5, weights=None)
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 5)
    groups = model.layer_groups()
    assert [len(group) for group in groups] == [2, 2, 6]
    assert {id(p) for group in groups for p in group} == {id(p) for p in model.parameters()}


def test_one_seed_gives_one_model_and_leaves_the_callers_numbers_alone():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = build_cnn(TINY, 5, weights=None, seed=7)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    second = build_cnn(TINY, 5, weights=None, seed=7)
    third = build_cnn(TINY, 5, weights=None, seed=8)
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first.body[0].weight, third.body[0].weight)
    assert not torch.equal(first.head[3].weight, third.head[3].weight)


def test_the_head_does_not_depend_on_the_bodys_weights(tmp_path):
    random = build_cnn(TINY, 5, weights=None)
    torch.save({k: v * 2 for k, v in random.body.state_dict().items()}, tmp_path / "w.pth")
    loaded = build_cnn(TINY, 5, weights=tmp_path / "w.pth")
    torch.testing.assert_close(random.head.state_dict(), loaded.head.state_dict())
    assert not torch.equal(random.body[0].weight, loaded.body[0].weight)


def test_the_head_can_be_plain_or_ones_own():
    assert isinstance(build_cnn(TINY, 5, weights=None, head="plain").head[0], MeanPool)
    own = nn.Sequential(nn.Flatten(), nn.LazyLinear(5))
    assert build_cnn(TINY, 5, weights=None, head=own).head is own


def test_a_body_that_pools_by_itself_gets_no_doubled_features():
    pooled = build_cnn(models.timm("test_vit"), 5, weights=None)
    assert isinstance(pooled.head[0], MeanPool)
    assert isinstance(build_cnn(TINY, 5, weights=None).head[0], ConcatPool)


def test_the_spec_says_how_to_rebuild_it():
    assert build_cnn(models.timm("test_resnet"), 5, weights=None).spec == {
        "model": "cnn",
        "backbone": "timm/test_resnet",
        "n_classes": 5,
        "head": "fastai",
        "dropout": 0.5,
    }


def test_what_is_not_of_the_librarys_own_has_no_spec():
    assert build_cnn(TINY, 5, weights=None).spec is None
    own = nn.Sequential(MeanPool(), nn.Linear(96, 5))
    assert build_cnn(models.timm("test_resnet"), 5, weights=None, head=own).spec is None


def test_a_model_can_be_copied():
    model = build_cnn(TINY, 5, weights=None)
    copy = deepcopy(model)
    assert copy.backbone == TINY
    torch.testing.assert_close(copy.state_dict(), model.state_dict())


def test_what_is_no_backbone_is_refused():
    with pytest.raises(ModelError) as caught:
        build_cnn("resnet34", 5)
    assert str(caught.value) == (
        "A backbone is a value such as models.resnet34 or models.timm(NAME); found 'resnet34'."
    )


def test_what_is_no_head_is_refused():
    with pytest.raises(ModelError) as caught:
        build_cnn(TINY, 5, weights=None, head="plane")
    assert str(caught.value) == (
        "head must be \"fastai\", \"plain\" or a module; found 'plane'. Did you mean 'plain'?"
    )
    with pytest.raises(ModelError) as caught:
        build_cnn(TINY, 5, weights=None, head=[1])
    assert str(caught.value) == 'head must be "fastai", "plain" or a module; found [1].'


def test_dropout_is_not_for_a_head_of_ones_own():
    with pytest.raises(ModelError) as caught:
        build_cnn(TINY, 5, weights=None, head=nn.Identity(), dropout=0.1)
    assert str(caught.value) == (
        "dropout= is for learnkit's heads; a head of your own has its own."
    )


def test_a_misspelt_keyword_names_the_nearest():
    with pytest.raises(TypeError) as caught:
        build_cnn(TINY, 5, weigths=None)
    assert str(caught.value) == "build_cnn() has no argument 'weigths'. Did you mean 'weights'?"
