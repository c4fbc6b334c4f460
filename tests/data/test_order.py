import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.order import EpochPlan, batch_bounds, epoch_batches
from learnkit.errors import DataError


@pytest.mark.parametrize(
    ("n", "batch_size", "train", "drop_last", "expected"),
    [
        (150, 64, True, False, [0, 64, 128, 150]),
        (128, 64, True, False, [0, 64, 128]),
        (129, 64, True, False, [0, 64, 129]),
        (129, 64, False, False, [0, 64, 128, 129]),
        (150, 64, True, True, [0, 64, 128]),
        (40, 64, True, True, [0, 40]),
        (1, 64, True, False, [0, 1]),
        (3, 1, True, False, [0, 1, 2, 3]),
        (0, 64, True, False, [0]),
    ],
)
def test_bounds(n: int, batch_size: int, train: bool, drop_last: bool, expected: list[int]) -> None:
    assert batch_bounds(n, batch_size, train=train, drop_last=drop_last) == expected


@given(
    n=st.integers(1, 200),
    batch_size=st.integers(1, 70),
    epoch=st.integers(0, 5),
    shuffle=st.booleans(),
)
def test_an_epoch_visits_each_sample_once(
    n: int, batch_size: int, epoch: int, shuffle: bool
) -> None:
    batches = epoch_batches(n, batch_size, seed=1, epoch=epoch, shuffle=shuffle)
    joined = np.concatenate(batches)
    assert sorted(joined.tolist()) == list(range(n))
    assert len(batches) == len(batch_bounds(n, batch_size, train=shuffle)) - 1
    if not shuffle:
        assert joined.tolist() == list(range(n))


def test_epochs_differ_and_repeat() -> None:
    def order(epoch: int) -> list[int]:
        batches = epoch_batches(50, 8, seed=3, epoch=epoch, shuffle=True)
        return [int(index) for batch in batches for index in batch]

    assert order(0) == order(0) != order(1)


@given(
    n=st.integers(0, 200),
    batch_size=st.integers(1, 70),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
def test_a_plan_says_of_an_epoch_what_its_batches_are(
    n: int, batch_size: int, shuffle: bool, drop_last: bool
) -> None:
    plan = EpochPlan(n, batch_size, seed=5, shuffle=shuffle, drop_last=drop_last)
    found = plan.batches(2)
    expected = epoch_batches(n, batch_size, seed=5, epoch=2, shuffle=shuffle, drop_last=drop_last)
    assert [one.tolist() for one in found] == [one.tolist() for one in expected]
    assert (len(plan), plan.n_samples) == (len(found), sum(map(len, found)))
    assert plan.bounds == batch_bounds(n, batch_size, train=shuffle, drop_last=drop_last)


def test_a_plan_needs_a_sample_in_each_batch() -> None:
    with pytest.raises(DataError) as caught:
        EpochPlan(10, 0)
    assert str(caught.value) == "batch_size must be 1 or more, found 0."
