import weakref
from collections.abc import Iterator

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.leftovers import ENOUGH, Left, joined


def parts(sizes: list[int], *, needed: int = 2, after: int = 0) -> list[Left]:
    """What is left of batches of four, whose pixels are their indices."""
    made = []
    for place, size in enumerate(sizes):
        indices = np.arange(size) + 4 * place
        pixels = torch.from_numpy(indices).reshape(-1, 1, 1, 1)
        made.append(Left(indices, pixels, needed, 4 * (len(sizes) - place - 1) + after))
    return made


def sizes_of(batches: Iterator[Left]) -> list[int]:
    return [len(one.indices) for one in batches]


def test_one_that_is_alone_goes_into_the_next_batch_or_at_the_end_into_the_one_before() -> None:
    assert [one.indices.tolist() for one in joined(parts([1, 2, 4]))] == [[0, 4, 5], [8, 9, 10, 11]]
    assert [one.indices.tolist() for one in joined(parts([2, 1, 0]))] == [[0, 1, 4]]
    assert [one.indices.tolist() for one in joined(parts([1, 0, 1]))] == [[0, 8]]
    assert sizes_of(joined(parts([0, 1, 0]))) == []
    assert sizes_of(joined([])) == []


def most_ahead(given: list[Left]) -> int:
    """Take batches, and return how many more were asked for than had been taken, at most."""
    asked = taken = most = 0

    def each() -> Iterator[Left]:
        nonlocal asked, most
        for part in given:
            asked += 1
            most = max(most, asked - taken)
            yield part

    for _ in joined(each()):
        taken += 1
    assert taken == len(given)
    return most


def test_far_from_the_end_a_batch_is_given_at_once_and_near_it_one_later() -> None:
    assert most_ahead(parts([4] * 5, after=ENOUGH)) == 1
    assert most_ahead(parts([4] * 5)) == 2


def test_where_one_is_enough_each_is_given_and_none_held_back() -> None:
    assert sizes_of(joined(parts([1, 0, 4, 1], needed=1))) == [1, 4, 1]
    assert most_ahead(parts([4] * 5, needed=1)) == 1


def test_nothing_that_was_given_is_held_while_the_next_is_made() -> None:
    """Else its memory could not be used for the next."""
    gone: list[weakref.ref[torch.Tensor]] = []

    def each() -> Iterator[Left]:
        for part in [*parts([4] * 3, after=ENOUGH)]:
            assert all(one() is None for one in gone)
            fresh = part._replace(pixels=part.pixels.clone())
            gone.append(weakref.ref(fresh.pixels))
            yield fresh
            del fresh

    batches = joined(each())
    while (one := next(batches, None)) is not None:
        del one
    assert len(gone) == 3


@given(st.lists(st.integers(0, 4), max_size=12))
def test_nothing_is_lost_and_all_batches_have_two(sizes: list[int]) -> None:
    batches = list(joined(parts(sizes)))
    found = [index for one in batches for index in one.indices.tolist()]
    every = [index for one in parts(sizes) for index in one.indices.tolist()]
    assert found == (every if len(every) > 1 else [])
    assert all(len(one.indices) > 1 for one in batches)
    assert all(one.pixels.flatten().tolist() == one.indices.tolist() for one in batches)
