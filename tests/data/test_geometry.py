import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.geometry import (
    RESIZE_METHODS,
    RandomResizedCrop,
    Resize,
    centre_box,
    fit_image,
    shrink,
    working_short,
)

sides = st.integers(1, 300)


def test_the_working_size_is_eight_sevenths_of_the_training_size() -> None:
    assert [working_short((n, n)) for n in (224, 128, 192)] == [256, 147, 220]
    assert working_short((100, 224)) == 256


@given(height=sides, width=sides, short=st.integers(1, 64))
def test_shrinking_reaches_the_short_side_and_never_enlarges(
    height: int, width: int, short: int
) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    found = shrink(image, short)
    assert min(found.shape[:2]) == min(short, height, width)
    if min(height, width) <= short:
        assert found is image


@given(height=sides, width=sides, size=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_every_way_of_fitting_gives_the_size_for_any_shape(
    height: int, width: int, size: tuple[int, int]
) -> None:
    image = np.full((height, width, 3), 77, np.uint8)
    for method in RESIZE_METHODS:
        found = fit_image(image, size, method)
        assert found.shape == (*size, 3)
        assert (found == 77).all()


def test_crop_takes_the_largest_centred_box_of_the_targets_aspect() -> None:
    assert centre_box(100, 200, (50, 50)) == (50, 0, 150, 100)
    assert centre_box(200, 100, (50, 50)) == (0, 50, 100, 150)
    assert centre_box(100, 200, (50, 100)) == (0, 0, 200, 100)
    assert centre_box(8, 4000, (224, 224)) == (1996, 0, 2004, 8)
    assert centre_box(1, 1, (224, 100)) == (0, 0, 1, 1)


def test_pad_keeps_the_whole_image_and_mirrors_it_into_the_rest() -> None:
    image = np.zeros((4, 8, 3), np.uint8)
    image[0], image[-1] = 50, 200
    found = fit_image(image, (8, 8), "pad")[:, 0, 0]
    assert found.tolist() == [0, 0, 50, 0, 0, 200, 0, 0]


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_an_image_of_the_right_size_is_left_as_it_is(method: Resize) -> None:
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(fit_image(image, (20, 30), method), image)


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(shrink(stripes, 16).astype(int)[:, 1:-1] - 127).max() <= 8


@given(
    height=sides,
    width=sides,
    seed=st.integers(0, 1000),
    min_scale=st.floats(0.01, 1.0),
    aspect=st.floats(0.2, 5.0),
)
def test_a_random_box_lies_in_the_image_for_any_shape(
    height: int, width: int, seed: int, min_scale: float, aspect: float
) -> None:
    crop = RandomResizedCrop(min_scale)
    draws = np.random.default_rng(seed).random(crop.n_draws).tolist()
    left, top, right, bottom = crop.box(height, width, draws, aspect=aspect)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_random_boxes_keep_their_share_of_area_and_aspect_and_reach_every_border() -> None:
    crop = RandomResizedCrop(0.35)
    rng = np.random.default_rng(0)
    boxes = np.array([crop.box(300, 400, rng.random(22).tolist()) for _ in range(2000)])
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    shares, ratios = widths * heights / (300 * 400), widths / heights
    assert 0.345 < shares.min() < 0.36
    assert 0.97 < shares.max() <= 1.0
    assert 0.74 < ratios.min() < 0.77
    assert 1.31 < ratios.max() < 1.35
    assert boxes[:, 0].min() == boxes[:, 1].min() == 0
    assert (boxes[:, 2].max(), boxes[:, 3].max()) == (400, 300)


def test_the_aspect_of_the_box_follows_the_target() -> None:
    crop = RandomResizedCrop(0.2, ratio=(1.0, 1.0))
    left, top, right, bottom = crop.box(400, 400, [0.3] * 22, aspect=2.0)
    assert (right - left) / (bottom - top) == pytest.approx(2.0, abs=0.02)


def test_where_no_box_fits_the_largest_centred_one_is_taken() -> None:
    assert RandomResizedCrop(1.0).box(10, 1000, [0.5] * 22) == (493, 0, 506, 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_scale": 0.0}, "min_scale must be in (0, 1], found 0.0."),
        ({"ratio": (2.0, 1.0)}, "ratio must be (lowest, highest) above 0, found (2.0, 1.0)."),
    ],
)
def test_a_crop_that_cannot_be_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        RandomResizedCrop(**arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message
