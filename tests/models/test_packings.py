import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnkit.errors import ExportError
from learnkit.models.packings import PACKINGS, binary_of, to_binary, to_int8, to_kept


def weight(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def back(how, w):
    packing = PACKINGS[how]
    return packing.unpack(packing.pack(w), tuple(w.shape))


SHAPES = st.lists(st.integers(1, 5), min_size=2, max_size=4)


@settings(max_examples=40)
@given(SHAPES, st.integers(0, 99))
def test_8_bits_miss_by_half_a_step_at_most(shape, seed):
    w = weight(*shape, seed=seed)
    step = w.flatten(1).abs().amax(1) / 127
    miss = (back("int8", w) - w).flatten(1).abs()
    assert (miss <= step[:, None] * 0.5001).all()


def test_channels_have_steps_of_their_own_and_a_row_of_zeros_stays_one():
    w = torch.tensor([[1.0, -2.0], [0.01, 0.0], [0.0, 0.0]])
    parts = to_int8(w)
    assert parts["codes"].tolist() == [[64, -127], [127, 0], [0, 0]]
    torch.testing.assert_close(parts["step"], torch.tensor([2 / 127, 0.01 / 127, 1.0]))
    assert back("int8", w)[2].tolist() == [0, 0]


@settings(max_examples=40)
@given(SHAPES, st.integers(0, 99))
def test_signs_and_their_scale_come_back(shape, seed):
    w = weight(*shape, seed=seed)
    assert torch.equal(back("binary", w), binary_of(w))


def test_a_binary_weight_is_its_sign_times_the_mean_of_its_channel():
    assert binary_of(torch.tensor([[1.0, -3.0], [0.0, -1.0]])).tolist() == [[2, -2], [0.5, -0.5]]
    # no other scale is nearer: the derivative of the squared distance is 0 (equation 6)
    w = weight(3, 7)
    distance = [((binary_of(w) * f - w) ** 2).sum() for f in (0.99, 1.0, 1.01)]
    assert distance[1] < min(distance[0], distance[2])


@settings(max_examples=40)
@given(SHAPES, st.integers(0, 99), st.floats(0, 1))
def test_what_is_not_pruned_comes_back_bit_for_bit(shape, seed, share):
    w = weight(*shape, seed=seed)
    w[torch.rand(w.shape, generator=torch.Generator().manual_seed(seed)) < share] = 0
    assert torch.equal(back("pruned", w), w)


@pytest.mark.parametrize("how", PACKINGS)
def test_empty_parts_are_as_large_as_full_ones_on_the_meta_device_too(how):
    w = weight(3, 5, 2)
    w[0] = 0
    parts = PACKINGS[how].pack(w)
    with torch.device("meta"):
        empty = PACKINGS[how].empty((3, 5, 2), 20)
    assert {k: (v.shape, v.dtype) for k, v in empty.items()} == {
        k: (v.shape, v.dtype) for k, v in parts.items()
    }
    assert all(value.is_meta for value in empty.values())


def test_bytes_are_as_few_as_they_can_be():
    w = weight(8, 100)
    w[:, 10:] = 0
    size = {how: sum(t.nbytes for t in PACKINGS[how].pack(w).values()) for how in PACKINGS}
    assert size == {"int8": 800 + 32, "binary": 100 + 32, "pruned": 100 + 4 * 80}
    assert set(to_binary(w)) == {"bits", "scale"}


def test_places_that_do_not_fit_their_numbers_are_refused():
    parts = to_kept(torch.tensor([[1.0, 0.0, 2.0]]))
    parts["bits"] = parts["bits"] | 64
    with pytest.raises(ExportError) as error:
        PACKINGS["pruned"].unpack(parts, (1, 3))
    assert str(error.value) == (
        "a pruned weight has 3 places for 2 numbers; the file was changed. Get the export again "
        "from where it was made."
    )
