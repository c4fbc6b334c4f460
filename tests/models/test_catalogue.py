import pytest

from learnkit import models
from learnkit.errors import ExportError, ModelError
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.models.catalogue import backbone_names, find_backbone, is_known


@pytest.mark.parametrize("name", backbone_names())
def test_every_backbone_of_the_table_is_a_public_value_of_its_name(name):
    assert getattr(models, name) == find_backbone(name)
    assert find_backbone(name).name == name


def test_a_timm_name_in_an_export_gives_timms_backbone():
    assert find_backbone("timm/test_resnet") == models.timm("test_resnet")
    assert models.timm("test_resnet").name == "timm/test_resnet"


def test_an_unknown_backbone_in_an_export_is_refused_with_the_nearest():
    with pytest.raises(ExportError) as caught:
        find_backbone("resnet5")
    assert str(caught.value) == (
        "learnkit has no backbone 'resnet5'. Did you mean 'resnet50'? "
        f"Known: {', '.join(backbone_names())}; and timm/NAME."
    )


@pytest.mark.parametrize("name", ["timm/hf-hub:timm/x", "timm/local-dir:/tmp", "timm/../x"])
def test_names_that_would_make_timm_read_elsewhere_are_unknown(name):
    with pytest.raises(ModelError):
        find_backbone(name)


def test_a_backbone_of_ones_own_is_not_known_even_under_a_known_name():
    class Mine(BackboneSource):
        def build(self, weights):
            raise NotImplementedError

    assert not is_known(Backbone("mine", Mine()))
    assert not is_known(Backbone("resnet34", Mine()))
    assert is_known(models.resnet34)
    assert is_known(models.efficientnet_lite0)
    assert is_known(models.timm("test_resnet"))
