import pytest

from learnkit.data.doctor.options import CheckOptions
from learnkit.errors import DataError


def test_the_defaults_are_those_of_the_page():
    options = CheckOptions()
    assert (options.near, options.min_side, options.max_aspect, options.max_imbalance) == (
        64,
        32,
        5.0,
        10.0,
    )


def test_options_are_frozen():
    with pytest.raises(AttributeError):
        CheckOptions().near = 3


@pytest.mark.parametrize("near", [None, 0, 128])
def test_near_may_be_none_or_up_to_half_of_the_bits(near):
    assert CheckOptions(near=near).near == near


@pytest.mark.parametrize("near", [-1, 129, 1.5, True, "64"])
def test_other_numbers_of_bits_are_refused(near):
    with pytest.raises(DataError) as caught:
        CheckOptions(near=near)
    assert str(caught.value) == (
        "near is the number of bits, from 0 to 128, in which the hashes of near duplicates may "
        f"differ, or None: found {near!r}."
    )


@pytest.mark.parametrize("side", [-1, 2.0, None])
def test_a_side_is_a_whole_number_of_pixels(side):
    with pytest.raises(DataError) as caught:
        CheckOptions(min_side=side)
    assert str(caught.value) == (
        f"min_side must be a whole number of pixels, at least 0: found {side!r}."
    )


@pytest.mark.parametrize("name", ["max_aspect", "max_imbalance"])
@pytest.mark.parametrize("value", [0.5, float("nan"), "5", True])
def test_a_ratio_is_at_least_one(name, value):
    with pytest.raises(DataError) as caught:
        CheckOptions(**{name: value})
    assert str(caught.value) == (
        f"{name} is a ratio of the larger to the smaller, at least 1: found {value!r}."
    )
    assert getattr(CheckOptions(**{name: float("inf")}), name) == float("inf")
