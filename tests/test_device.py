"""Device: the best there is, or a clear word why not."""

import pytest
import torch

from learnkit.device import default_device, device_words, resolve_device


def only(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2 if cuda else 0)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda:1"), (True, False, "cuda:1"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_best_device_is_cuda_then_mps_then_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    only(monkeypatch, cuda=cuda, mps=mps)
    assert str(default_device()) == expected
    assert str(resolve_device(None)) == expected


def test_a_device_that_is_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, cuda=True, mps=True)
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")
    assert resolve_device("cuda:0") == torch.device("cuda", 0)


def test_cuda_without_a_number_gets_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, cuda=True, mps=False)
    assert resolve_device("cuda") == torch.device("cuda", 1)


def test_a_device_that_torch_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        resolve_device("gpu")
    assert str(caught.value) == (
        'device must be one that torch knows, such as "cpu", "cuda", "cuda:1" or "mps"; '
        "got 'gpu'."
    )


@pytest.mark.parametrize(("cuda", "name", "count"), [(False, "cuda", 0), (True, "cuda:2", 2)])
def test_a_gpu_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, name: str, count: int
) -> None:
    only(monkeypatch, cuda=cuda, mps=False)
    with pytest.raises(ValueError) as caught:
        resolve_device(name)
    assert str(caught.value) == (
        f"device {name!r} is not there: torch sees {count} CUDA devices. "
        "Leave device= out to take the best there is."
    )


@pytest.mark.parametrize(("threads", "words"), [(1, "cpu (1 thread)"), (8, "cpu (8 threads)")])
def test_a_cpu_is_told_with_its_threads(
    monkeypatch: pytest.MonkeyPatch, threads: int, words: str
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert device_words(torch.device("cpu")) == words


def test_a_gpu_is_told_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Accelerator {device}")
    assert device_words(torch.device("cuda", 0)) == "Accelerator cuda:0"
    assert device_words(torch.device("mps")) == "mps"
