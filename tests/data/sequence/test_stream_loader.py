import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.sequence.stream_loader import StreamLoader
from learnkit.errors import DataError
from learnkit.types import IdentifiedLoader


def loader_of(n=101, **options):
    return StreamLoader(np.arange(n), **({"seq_len": 5, "batch_size": 4} | options))


def test_the_picture_of_the_docstring_is_right():
    loader = StreamLoader(np.arange(13), seq_len=3, batch_size=2)
    (x0, y0), (x1, y1) = [loaded.batch for loaded in loader.batches(0)]
    assert x0.tolist() == [[0, 1, 2], [6, 7, 8]]
    assert y0.tolist() == [[1, 2, 3], [7, 8, 9]]
    assert x1.tolist() == [[3, 4, 5], [9, 10, 11]]
    assert y1.tolist() == [[4, 5, 6], [10, 11, 12]]


@given(
    n=st.integers(2, 300),
    seq_len=st.integers(1, 9),
    batch_size=st.integers(1, 6),
    shift=st.booleans(),
    epoch=st.integers(0, 9),
)
def test_rows_go_on_and_little_is_dropped(n, seq_len, batch_size, shift, epoch):
    try:
        loader = loader_of(n, seq_len=seq_len, batch_size=batch_size, shift=shift)
    except DataError:
        assert n < seq_len * (batch_size + 1)
        return
    batches = [loaded.batch for loaded in loader.batches(epoch)]
    assert len(batches) == len(loader)
    x = torch.cat([batch.x for batch in batches], 1)
    y = torch.cat([batch.y for batch in batches], 1)
    assert all(batch.x.shape == (batch_size, seq_len) for batch in batches)
    assert torch.equal(x.diff(dim=1), torch.ones_like(x[:, 1:]))
    assert torch.equal(y, x + 1)
    flat = x.flatten()
    assert torch.equal(flat.diff(), torch.ones_like(flat[1:]))  # each row begins where one ends
    assert n - x.numel() - 1 < seq_len * (batch_size + 1)


def test_an_epoch_begins_elsewhere_and_is_a_function_of_seed_and_epoch():
    loader = loader_of(shift=True)
    firsts = [int(next(loader.batches(epoch)).batch.x[0, 0]) for epoch in range(40)]
    assert len(set(firsts)) > 5
    again = loader_of(shift=True)
    assert firsts == [int(next(again.batches(epoch)).batch.x[0, 0]) for epoch in range(40)]
    other = loader_of(shift=True, seed=7)
    assert firsts != [int(next(other.batches(epoch)).batch.x[0, 0]) for epoch in range(40)]
    # the last token is a target in some epoch, the first one an input
    ends = [int(list(loader.batches(epoch))[-1].batch.y[-1, -1]) for epoch in range(200)]
    assert (min(firsts), max(ends)) == (0, 100)


def test_it_goes_on_from_any_batch_with_the_same_batches():
    loader = loader_of(shift=True)
    whole = list(loader.batches(3))
    for start in range(len(loader) + 1):
        part = list(loader.batches(3, start=start))
        assert len(part) == len(whole) - start
        for one, other in zip(part, whole[start:], strict=True):
            assert torch.equal(one.batch.x, other.batch.x)
            assert one.indices.tolist() == other.indices.tolist()


def test_each_row_of_an_epoch_has_a_number_of_its_own():
    loader = loader_of()
    numbers = np.concatenate([loaded.indices for loaded in loader.batches(0)])
    assert sorted(numbers.tolist()) == list(range(loader.n_samples))
    assert loader.describe(2) == "tokens 10 to 15"
    second = list(loader.batches(0))[1]
    assert [loader.describe(i) for i in second.indices] == [
        f"tokens {first} to {first + 5}" for first in second.batch.x[:, 0].tolist()
    ]


def test_a_batch_may_be_changed_without_changing_the_text():
    loader = loader_of()
    next(iter(loader)).x.zero_()
    assert int(next(iter(loader)).x[0, 1]) == 1


def test_its_identity_tells_everything_that_decides_the_batches():
    assert isinstance(loader_of(), IdentifiedLoader)
    assert loader_of().identity == loader_of().identity
    others = [{"n": 102}, {"seq_len": 4}, {"batch_size": 3}, {"shift": True}, {"seed": 1}]
    assert all(loader_of(**other).identity != loader_of().identity for other in others)


def test_a_text_that_is_too_short_says_what_it_needs():
    with pytest.raises(DataError) as error:
        loader_of(20)
    assert str(error.value) == (
        "4 rows of 5 tokens need 21 tokens; found 20. Take a smaller batch_size or seq_len, or "
        "more text."
    )
