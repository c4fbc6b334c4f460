import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.geometry import (
    RESIZE_METHODS,
    SLACK,
    RandomResizedCrop,
    Resize,
    centre_box,
    crop_into,
    fit_image,
    resize,
    shrink,
    working_short,
)
from learnkit.data.pixels import RGB

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
    if min(height, width) <= SLACK * short:
        assert found is image
    else:
        assert min(found.shape[:2]) == short
        assert max(found.shape[:2]) == round(max(height, width) * short / min(height, width))


def test_an_image_a_little_larger_than_needed_is_not_shrunk() -> None:
    for side, expected in ((100, 100), (135, 135), (136, 100), (300, 100)):
        image = np.zeros((side, 2 * side, 3), np.uint8)
        assert shrink(image, 100).shape == (expected, 2 * expected, 3)


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


def smooth(height: int, width: int) -> RGB:
    """A ramp of another slope in each channel; full range, so that overshooting would show."""
    rows, columns = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    ramps = np.dstack([rows, columns, (rows + columns) / 2])
    image: RGB = np.rint(ramps * 255).astype(np.uint8)
    return image


def test_a_crop_is_written_into_its_place_in_the_batch_and_nowhere_else() -> None:
    batch = np.full((3, 8, 6, 3), 9, np.uint8)
    crop_into(batch[1], smooth(40, 50), (5, 10, 35, 30))
    assert (batch[[0, 2]] == 9).all()
    assert (
        np.abs(batch[1].astype(int) - resize(smooth(40, 50), (8, 6), box=(5, 10, 35, 30))).max()
        <= 2
    )


def test_a_box_of_the_right_size_is_copied() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    out = np.empty((8, 6, 3), np.uint8)
    crop_into(out, image, (3, 4, 9, 12))
    assert np.array_equal(out, image[4:12, 3:9])


def test_a_crop_of_one_colour_stays_of_that_colour() -> None:
    image = np.full((200, 300, 3), (10, 128, 255), np.uint8)
    for box in ((0, 0, 300, 200), (3, 5, 4, 6), (0, 0, 1, 200), (10, 10, 130, 190)):
        out = np.zeros((32, 24, 3), np.uint8)
        crop_into(out, image, box)
        assert (out == (10, 128, 255)).all(), box


def test_enlarging_lies_between_the_two_nearest_pixels() -> None:
    image = np.zeros((1, 2, 3), np.uint8)
    image[0, 1] = 200
    out = np.empty((1, 8, 3), np.uint8)
    crop_into(out, image, (0, 0, 2, 1))
    assert out[0, :, 0].tolist() == [0, 0, 25, 75, 125, 175, 200, 200]


def test_reducing_by_two_and_more_is_the_mean_so_that_no_pixel_is_left_out() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    for side in (32, 16, 8):
        out = np.empty((side, side, 3), np.uint8)
        crop_into(out, stripes, (0, 0, 64, 64))
        assert (out == 100).all(), side


def test_no_pixel_is_left_out_where_one_side_is_reduced_and_the_other_enlarged() -> None:
    stripes = np.zeros((20, 240, 3), np.uint8)
    stripes[:, ::3] = 150
    out = np.empty((40, 40, 3), np.uint8)
    crop_into(out, stripes, (0, 0, 240, 20))
    assert np.abs(out[:, 1:-1].astype(int) - 50).max() <= 3


@given(
    box_height=st.integers(20, 150),
    box_width=st.integers(20, 150),
    left=st.integers(0, 50),
    top=st.integers(0, 50),
    size=st.tuples(st.integers(16, 64), st.integers(16, 64)),
)
def test_on_soft_images_a_crop_is_within_two_of_pillows_antialiased_one(
    box_height: int, box_width: int, left: int, top: int, size: tuple[int, int]
) -> None:
    """Whatever it is enlarged or reduced by; the documented difference, of 255."""
    image, box = smooth(200, 200), (left, top, left + box_width, top + box_height)
    out = np.empty((*size, 3), np.uint8)
    crop_into(out, image, box)
    difference = np.abs(out.astype(int) - resize(image, size, box=box))
    assert difference.max() <= 2
    assert difference.mean() <= 0.5


def test_on_noise_it_is_sharper_than_pillows_which_averages_more() -> None:
    """The most they can differ: noise without any likeness of neighbours, reduced by 1.9."""
    image = np.random.default_rng(0).integers(0, 256, (122, 122, 3), dtype=np.uint8)
    out = np.empty((64, 64, 3), np.uint8)
    crop_into(out, image, (0, 0, 122, 122))
    expected = resize(image, (64, 64))
    assert np.abs(out.astype(int) - expected).mean() < 35
    assert expected.std() < out.std() < image.std()


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
