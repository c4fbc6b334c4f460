from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnkit.data.augment import Affine, BatchTransform, Dihedral, Flip, Lighting, RandomErasing
from learnkit.randomness import SampleKeys
from learnkit.types import Batch

ALL = (Flip(), Flip(vertical=True), Dihedral(), Affine(), Lighting(), RandomErasing())


def photos(n: int, size: tuple[int, int] = (12, 12)) -> torch.Tensor:
    x = torch.rand(n, 3, *size, generator=torch.Generator().manual_seed(1))
    return x.contiguous(memory_format=torch.channels_last)


def keys(indices: object, *, seed: int = 4, epoch: int = 2) -> SampleKeys:
    return SampleKeys(seed, epoch, np.asarray(indices, dtype=np.int64))


def changed(transform: BatchTransform, x: torch.Tensor, its_keys: SampleKeys) -> torch.Tensor:
    return transform(Batch(x, torch.zeros(len(x))), its_keys).x


@settings(max_examples=20, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_what_happens_to_a_sample_does_not_depend_on_its_batch(
    transform: BatchTransform, data: st.DataObject
) -> None:
    x = photos(16)
    whole = changed(transform, x, keys(range(16)))
    picked = data.draw(st.lists(st.integers(0, 15), min_size=1, max_size=8))
    part = changed(transform, x[picked], keys(picked))
    torch.testing.assert_close(part, whole[picked], atol=1e-6, rtol=0)


@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_a_transform_repeats_bit_for_bit_and_differs_by_epoch_and_seed(
    transform: BatchTransform,
) -> None:
    x = photos(16)
    first = changed(transform, x, keys(range(16)))
    assert torch.equal(first, changed(transform, x, keys(range(16))))
    assert not torch.equal(first, changed(transform, x, keys(range(16), epoch=3)))
    assert not torch.equal(first, changed(transform, x, keys(range(16), seed=5)))


@pytest.mark.parametrize("transform", ALL, ids=repr)
@pytest.mark.parametrize("size", [(12, 12), (8, 20), (1, 1)])
def test_shape_dtype_range_and_the_callers_generator_and_input_are_kept(
    transform: BatchTransform, size: tuple[int, int]
) -> None:
    x = photos(16, size)
    before, state = x.clone(), torch.get_rng_state()
    found = changed(transform, x, keys(range(16)))
    assert (found.shape, found.dtype) == (x.shape, torch.float32)
    assert 0.0 <= float(found.min()) <= float(found.max()) <= 1.0
    assert torch.equal(x, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_flip_mirrors_about_half_of_the_samples_and_the_others_not() -> None:
    x = photos(400, (2, 3))
    found = changed(Flip(), x, keys(range(400)))
    mirrored = (found == x.flip(3)).flatten(1).all(1)
    assert bool((mirrored | (found == x).flatten(1).all(1)).all())
    assert 160 < int(mirrored.sum()) < 240
    assert torch.equal(changed(Flip(p=1.0, vertical=True), x, keys(range(400))), x.flip(2))
    assert changed(Flip(p=0.0), x, keys(range(400))) is x


def test_pixels_that_only_move_may_be_moved_as_uint8() -> None:
    x = (photos(16) * 255).to(torch.uint8)
    for transform in ALL:
        if transform.moves_pixels_only:
            moved = changed(transform, x, keys(range(16)))
            assert moved.dtype == torch.uint8
            assert torch.equal(moved.float(), changed(transform, x.float(), keys(range(16))))


def test_all_eight_ways_to_lay_down_a_square_occur() -> None:
    x = photos(1).expand(200, -1, -1, -1)
    found = changed(Dihedral(), x, keys(range(200)))
    assert len({one.numpy().tobytes() for one in found}) == 8
    wide = photos(1, (4, 6)).expand(200, -1, -1, -1)
    found = changed(Dihedral(), wide, keys(range(200)))
    assert len({one.numpy().tobytes() for one in found}) == 4


def test_a_dihedral_leaves_a_share_alone() -> None:
    x = photos(400)
    found = changed(Dihedral(0.5), x, keys(range(400)))
    still = (found == x).flatten(1).all(1)
    assert 190 < int(still.sum()) < 260  # a half and an eighth of the other half: 225
    assert changed(Dihedral(0.0), x, keys(range(400))) is x


def test_affine_without_strength_changes_nothing() -> None:
    x = photos(8)
    for still in (Affine(0.0, 1.0, 0.0), Affine(p=0.0)):
        torch.testing.assert_close(changed(still, x, keys(range(8))), x, atol=1e-5, rtol=0)


def test_affine_takes_a_smooth_picture_where_its_matrix_says() -> None:
    """On a ramp, resampling is exact: the colour at a place is the place it came from."""
    n, side = 32, 65
    ramp = torch.linspace(-1, 1, side) * (side - 1) / side
    x = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)])[None] * 0.5
    x = torch.cat([x, torch.zeros(1, 1, side, side)], 1).expand(n, -1, -1, -1)
    affine = Affine()
    found = changed(affine, x, keys(range(n)))[:, :2, side // 2, side // 2] * 2
    maps = affine.maps(keys(range(n)), aspect=1.0)
    expected = (maps[:, :2, 2] / maps[:, 2:, 2]).float()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_each_part_of_affine_happens_with_its_probability_and_in_its_range() -> None:
    maps = Affine(max_zoom=1.0, max_warp=0.0).maps(keys(range(4000)), aspect=1.0)
    degrees = torch.rad2deg(torch.atan2(maps[:, 1, 0], maps[:, 0, 0]))
    turned = degrees != 0
    assert 0.72 < float(turned.double().mean()) < 0.78
    assert -10 <= float(degrees.min()) < -9.9
    assert 9.9 < float(degrees.max()) <= 10
    zoomed = 1 / Affine(0.0, 1.1, 0.0).maps(keys(range(4000)), aspect=1.0)[:, 0, 0]
    assert float(zoomed.min()) == 1.0
    assert 1.099 < float(zoomed.max()) <= 1.1
    both = Affine(0.0, 1.1, 0.0, p=1.0, min_zoom=0.8).maps(keys(range(4000)), aspect=1.0)
    zoomed = 1 / both[:, 0, 0]
    assert 0.8 <= float(zoomed.min()) < 0.801
    assert 1.099 < float(zoomed.max()) <= 1.1


def test_lighting_is_fastais_formula() -> None:
    """Golden: logit(0.5 + 0.1) = 0.4055 is added at most; contrast is in [0.8, 1.25]."""
    lighting, its_keys = Lighting(), keys(range(4000))
    added, factor = lighting.strengths(its_keys)
    assert float(added.abs().max()) == pytest.approx(0.4055, abs=1e-3)
    assert (float(factor.min()), float(factor.max())) == pytest.approx((0.8, 1.25), abs=1e-3)
    assert 0.72 < float((added != 0).double().mean()) < 0.78
    x = photos(4000, (2, 2))
    wide = (slice(None), None, None, None)
    expected = torch.sigmoid((torch.logit(x) + added[wide]) * factor[wide])
    torch.testing.assert_close(changed(lighting, x, its_keys), expected, atol=1e-5, rtol=0)


def test_erasing_paints_one_box_of_the_right_share_with_the_mean_colour() -> None:
    erasing, x = RandomErasing(p=1.0), photos(300, (40, 60))
    boxes = erasing.boxes(keys(range(300)), 40, 60)
    found = changed(erasing, x, keys(range(300)))
    assert torch.equal(found[~boxes[:, None].expand_as(x)], x[~boxes[:, None].expand_as(x)])
    one, mean = int(boxes.flatten(1).any(1).nonzero()[0]), x.mean((2, 3))
    assert torch.equal(found[one][:, boxes[one]][:, 0], mean[one])
    shares = boxes.double().mean((1, 2))
    assert 0.015 < float(shares.min()) < 0.05
    assert 0.28 < float(shares.max()) <= 0.34
    for box in boxes[:20]:  # a box: what is painted is a full rectangle
        rows, columns = box.any(1), box.any(0)
        assert torch.equal(box, rows[:, None] & columns[None])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Flip(p=2), "p must be in [0, 1], found 2."),
        (lambda: Affine(max_zoom=0.5), "max_zoom must be 1 or more, found 0.5."),
        (lambda: Affine(max_warp=3), "max_warp must be in [0, 1], found 3."),
        (
            lambda: Affine(min_zoom=1.2),
            "min_zoom must be above 0 and at most max_zoom=1.1, found 1.2.",
        ),
        (lambda: Dihedral(-1), "p must be in [0, 1], found -1."),
        (lambda: Lighting(1.0), "max_lighting must be in [0, 1), found 1.0."),
        (
            lambda: RandomErasing(scale=(0.5, 0.1)),
            "scale must be (lowest, highest) in [0, 1], found (0.5, 0.1).",
        ),
        (
            lambda: RandomErasing(ratio=(0.0, 1.0)),
            "ratio must be (lowest, highest) above 0, found (0.0, 1.0).",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_a_transform_of_ones_own_takes_ten_lines() -> None:
    @dataclass(frozen=True)
    class Dim(BatchTransform):
        def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
            return batch._replace(x=batch.x * keys.uniform("dim")[:, :, None, None])

    x = photos(2)
    assert float(changed(Dim(), x, keys([0, 1])).max()) < float(x.max())
