from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from learnkit.data import run_tfms as module
from learnkit.data.augment import Affine, BatchTransform, Dihedral, Flip, Lighting, RandomErasing
from learnkit.data.presets import get_transforms
from learnkit.data.run_tfms import as_float, run_tfms
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys
from learnkit.types import Batch


def photos(n: int = 6, size: tuple[int, int] = (5, 7)) -> torch.Tensor:
    pixels = np.random.default_rng(0).integers(0, 256, (n, *size, 3), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def run(tfms: Any, x: torch.Tensor) -> torch.Tensor:
    keys = SampleKeys(1, 0, np.arange(len(x)))
    return run_tfms(tfms, Batch(x, torch.zeros(len(x))), keys).x


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)


class Seen(BatchTransform):
    """Notes what it gets."""

    def __init__(self, *, alone: bool, moves: bool = True) -> None:
        self.sizes, self.each_alone, self.moves_pixels_only = list[int](), alone, moves

    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        assert len(batch.x) == len(keys.indices)
        self.sizes.append(len(batch.x))
        return batch


@pytest.mark.parametrize("form", [torch.channels_last, torch.contiguous_format])
def test_a_few_samples_at_a_time_give_what_the_whole_batch_gives(
    form: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = photos(10, (12, 12)).contiguous(memory_format=form)
    tfms = (Flip(), Flip(vertical=True), Dihedral(), *get_transforms().batch[1:], RandomErasing())
    monkeypatch.setattr(module, "_PART", 10 * 3 * 12 * 12)
    whole = run(tfms, x)
    monkeypatch.setattr(module, "_PART", 3 * 3 * 12 * 12)
    parts = run(tfms, x)
    torch.testing.assert_close(parts, whole, atol=2e-6, rtol=0)
    assert parts.is_contiguous(memory_format=form)


def test_only_what_looks_at_each_sample_alone_gets_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PART", 4 * 3 * 5 * 7)
    alone, mixing = Seen(alone=True, moves=False), Seen(alone=False)
    run((alone,), photos())
    assert alone.sizes == [4, 2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    run((alone,), photos())
    assert alone.sizes.pop() == 6
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    run((alone, mixing), photos())
    run((alone, torch.abs), photos())
    assert alone.sizes == [4, 2, 6, 6]
    assert mixing.sizes == [6]


def test_an_empty_list_gives_the_batch_itself_and_nothing_changes_the_input() -> None:
    x = photos()
    before = x.clone()
    assert run((), x) is x
    for tfms in ((Flip(1.0),), (Affine(),), (Lighting(),), (v2.RandomInvert(1.0),)):
        assert not torch.equal(as_float(run(tfms, x)), as_float(x))
        assert torch.equal(x, before)


def test_torchvision_gets_bytes_as_long_as_nothing_made_floats() -> None:
    dtypes: list[torch.dtype] = []

    class Watching(v2.Transform):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape == (3, 5, 7)
            dtypes.append(x.dtype)
            return x

    found = run((Flip(), Watching(), Lighting(), Watching()), photos(1))
    assert dtypes == [torch.uint8, torch.float32]
    assert (found.dtype, float(found.max()) <= 1.0) == (torch.float32, True)
    assert run((Flip(), v2.RandomInvert(1.0)), photos(2)).dtype == torch.uint8


def test_a_callable_of_the_users_gets_the_batch_as_floats() -> None:
    shapes: list[Any] = []

    def own(x: torch.Tensor) -> torch.Tensor:
        shapes.append((tuple(x.shape), x.dtype))
        return x

    run((v2.RandomInvert(), own, torch.nn.Identity()), photos())
    assert shapes == [((6, 3, 5, 7), torch.float32)]


def test_two_of_torchvisions_in_one_list_draw_apart() -> None:
    x = photos(64)
    flip = v2.RandomHorizontalFlip()
    assert not torch.equal(run((flip, flip), x), x)


def test_channels_may_change_on_the_way_but_not_in_the_end() -> None:
    there_and_back = (v2.Grayscale(1), v2.Grayscale(3))
    assert run(there_and_back, photos()).shape == (6, 3, 5, 7)
    with pytest.raises(DataError) as caught:
        run((v2.Grayscale(1), v2.RandomInvert()), photos())
    assert str(caught.value) == (
        "RandomInvert must leave as many channels as the loader gives: expected 3, found a batch "
        "(6, 1, 5, 7)."
    )


def _failing(x: torch.Tensor) -> torch.Tensor:
    raise ZeroDivisionError


class Broken(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _failing(x)


@pytest.mark.parametrize(
    ("transform", "name"),
    [(_failing, "_failing"), (Broken(), "Broken"), (v2.Lambda(_failing), "Lambda")],
)
def test_a_transform_that_fails_is_named(transform: Callable[..., Any], name: str) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run((Flip(), transform), photos())
    assert caught.value.__notes__[-1] == f"in the transform of training tfms[1], {name}"
    assert ("while changing sample 0" in caught.value.__notes__) == (name == "Lambda")
