import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import transforms as v1
from torchvision.transforms import v2

from learnkit.data.torchvision_tfms import (
    apply_to_samples,
    is_torchvision,
    mixing_part,
    name_of,
    parts_of,
)
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys


class Own(v2.RandomHorizontalFlip):
    """A class of the user's."""


RANDOM = (
    v2.RandomHorizontalFlip(),
    v2.RandomRotation(20),
    v2.ColorJitter(0.4, 0.4),
    v2.RandomResizedCrop(10, antialias=True),
    v2.RandomApply([v2.GaussianBlur(3)], p=0.5),
    v2.Compose(
        [v2.RandomVerticalFlip(), v2.ToDtype(torch.float32, scale=True), v2.RandomErasing()]
    ),
    v2.RandomChoice([v2.Identity(), v2.RandomInvert(p=1.0)]),
    v2.RandAugment(),
    v1.RandomHorizontalFlip(),
    v1.Compose([v1.RandomOrder([v1.RandomVerticalFlip(), v1.RandomInvert()])]),
    Own(),
)


def photos(n: int = 16, size: tuple[int, int] = (12, 12)) -> torch.Tensor:
    pixels = np.random.default_rng(0).integers(0, 256, (n, *size, 3), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def keys(indices: Any = range(16), *, seed: int = 4, epoch: int = 2) -> SampleKeys:
    return SampleKeys(seed, epoch, np.asarray(list(indices), dtype=np.int64))


def label(transform: object) -> str:
    return f"{type(transform).__module__.split('.')[2]}-{name_of(transform)}"


def test_torchvisions_transforms_are_told_by_their_home() -> None:
    assert all(map(is_torchvision, RANDOM))
    for other in (torch.nn.Identity(), torch.relu, lambda x: x, v2.functional.invert, Own, None):
        assert not is_torchvision(other)


@settings(max_examples=4, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("transform", RANDOM, ids=label)
def test_what_happens_to_a_sample_does_not_depend_on_its_batch(
    transform: Any, data: st.DataObject
) -> None:
    x = photos()
    whole = apply_to_samples(transform, x, keys(), 0)
    picked = data.draw(st.lists(st.integers(0, 15), min_size=1, max_size=5))
    assert torch.equal(apply_to_samples(transform, x[picked], keys(picked), 0), whole[picked])


@pytest.mark.parametrize("transform", RANDOM, ids=label)
def test_it_repeats_bit_for_bit_and_differs_by_epoch_seed_and_place(transform: Any) -> None:
    x = photos()
    first = apply_to_samples(transform, x, keys(), 0)
    assert torch.equal(first, apply_to_samples(transform, x, keys(), 0))
    for changed, place in ((keys(epoch=3), 0), (keys(seed=5), 0), (keys(), 1)):
        assert not torch.equal(first, apply_to_samples(transform, x, changed, place))


def test_each_sample_has_a_flip_of_its_own() -> None:
    x = photos(200, (2, 3))
    found = apply_to_samples(v2.RandomHorizontalFlip(), x, keys(range(200)), 0)
    mirrored = (found == x.flip(3)).flatten(1).all(1)
    assert bool((mirrored | (found == x).flatten(1).all(1)).all())
    assert 75 < int(mirrored.sum()) < 125


def test_the_callers_generators_and_input_are_left_as_they_were() -> None:
    x = photos()
    before = x.clone(), torch.get_rng_state(), random.getstate()
    in_place = v2.Compose([v2.RandomErasing(p=1.0, inplace=True)])
    assert not torch.equal(apply_to_samples(in_place, x, keys(), 0), x)
    normal = v2.Normalize([0.5] * 3, [0.5] * 3, inplace=True)
    floats = x / 255
    apply_to_samples(normal, floats, keys(), 0)
    assert torch.equal(floats, x / 255)
    assert torch.equal(x, before[0])
    assert torch.equal(torch.get_rng_state(), before[1])
    assert random.getstate() == before[2]


def test_a_new_size_and_dtype_and_the_layout_in_memory_are_kept() -> None:
    x = photos()
    smaller = v2.Compose([v2.Resize((6, 8)), v2.ToImage(), v2.ToDtype(torch.float64, scale=True)])
    for given_x, form in ((x, torch.channels_last), (x.contiguous(), torch.contiguous_format)):
        found = apply_to_samples(smaller, given_x, keys(), 0)
        assert (found.shape, found.dtype, type(found)) == (
            (16, 3, 6, 8),
            torch.float32,
            torch.Tensor,
        )
        assert found.is_contiguous(memory_format=form)


def test_what_does_the_same_to_every_number_runs_on_the_batch_at_once() -> None:
    shapes: list[int] = []

    class Watching(v2.Normalize):
        def transform(self, inpt: torch.Tensor, params: dict[str, Any]) -> Any:
            shapes.append(inpt.dim())
            return super().transform(inpt, params)

    x, halves = photos() / 255, [0.5] * 3
    expected = apply_to_samples(Watching(halves, halves), x, keys(), 0)
    assert set(shapes) == {3}  # a class of the user's may do anything
    for plain in (
        v2.Normalize(halves, halves),
        v2.Compose([v2.Identity(), v2.Normalize(halves, halves)]),
    ):
        assert torch.equal(apply_to_samples(plain, x, keys(), 0), expected)


def test_what_is_no_image_any_more_is_named() -> None:
    messages = {
        v2.FiveCrop(4): "FiveCrop must turn a uint8 or float tensor into one; it gave a tuple.",
        v2.ToDtype(torch.int32): (
            "ToDtype must turn a uint8 or float tensor into one; it gave a int32 tensor "
            "(16, 3, 12, 12)."
        ),
    }
    for transform, message in messages.items():
        with pytest.raises(DataError) as caught:
            apply_to_samples(transform, photos(), keys(), 0)
        assert str(caught.value) == (
            f"{message} Leave it out of tfms, or use it in a dataset of your own."
        )


def test_samples_must_keep_one_shape() -> None:
    class Growing(v2.Transform):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if bool((x == 0).all()) else x[:, :5]

    x = photos(3)
    x[0] = 0
    with pytest.raises(DataError) as caught:
        apply_to_samples(Growing(), x, keys([7, 8, 9]), 0)
    assert str(caught.value) == (
        "Growing gave samples of different shapes: expected (3, 12, 12) as for the first of the "
        "batch, found (3, 5, 12) for sample 8. Put a transform with a fixed size after it into "
        "one v2.Compose."
    )


def test_an_error_says_at_which_sample() -> None:
    with pytest.raises(TypeError) as caught:
        apply_to_samples(v1.ToTensor(), photos(2), keys([5, 6]), 0)
    assert caught.value.__notes__ == ["while changing sample 5"]


def test_what_mixes_labels_is_found_at_any_depth() -> None:
    mixing = v2.MixUp(num_classes=3)
    nested = v2.Compose([v2.RandomApply([v2.RandomChoice([v2.CutMix(num_classes=3), mixing])])])
    assert mixing_part(mixing) == "MixUp"
    assert mixing_part(nested) == "CutMix"
    assert all(mixing_part(one) is None for one in RANDOM)
    assert [name_of(part) for part in parts_of(RANDOM[4])] == ["RandomApply", "GaussianBlur"]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_noise_drawn_on_a_gpu_is_keyed_too() -> None:
    x, before = photos().cuda() / 255, torch.cuda.get_rng_state()
    first = apply_to_samples(v2.GaussianNoise(), x, keys(), 0)
    assert torch.equal(first[3:5], apply_to_samples(v2.GaussianNoise(), x[3:5], keys([3, 4]), 0))
    assert torch.equal(torch.cuda.get_rng_state(), before)
