import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.text.loader import TextLoader
from learnkit.data.text.ragged import Ragged
from learnkit.errors import DataError


def loader_of(lengths, **options):
    rows = Ragged.of([[i + 1] * n for i, n in enumerate(lengths)])
    return TextLoader(rows, torch.arange(len(lengths)), **options)


def many(n=1000, seed=0):
    return np.random.default_rng(seed).geometric(0.05, n).tolist()


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=80),
    batch_size=st.integers(1, 20),
    shuffle=st.booleans(),
    epoch=st.integers(0, 3),
)
def test_every_text_comes_once_an_epoch_with_its_target(lengths, batch_size, shuffle, epoch):
    loader = loader_of(lengths, batch_size=batch_size, shuffle=shuffle)
    seen = []
    for (x, y), indices in loader.batches(epoch):
        assert y.tolist() == indices.tolist()
        assert (x != 0).sum(1).tolist() == [lengths[i] for i in indices]
        assert x.max(1).values.tolist() == (indices + 1).tolist()
        assert x.shape[1] == max(lengths[i] for i in indices)
        seen += indices.tolist()
    assert sorted(seen) == list(range(len(lengths)))
    assert len(list(loader.batches(epoch))) == len(loader)
    assert loader.n_samples == len(lengths)


@given(start=st.integers(0, 9), epoch=st.integers(0, 3))
def test_an_epoch_goes_on_from_any_batch(start, epoch):
    loader = loader_of(many(150), batch_size=16, shuffle=True)
    whole = list(itertools.islice(loader.batches(epoch), start, None))
    rest = list(loader.batches(epoch, start=start))
    assert [b.indices.tolist() for b in rest] == [b.indices.tolist() for b in whole]
    assert all(torch.equal(a.batch.x, b.batch.x) for a, b in zip(rest, whole, strict=True))


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        loader = loader_of(many(), batch_size=16, shuffle=True, seed=seed)
        return [i for b in loader.batches(epoch) for i in b.indices.tolist()]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


def test_batches_of_similar_length_have_little_padding_and_the_longest_comes_first():
    lengths = many(4000)
    loader = loader_of(lengths, batch_size=16, shuffle=True)
    batches = [b.batch.x for b in loader.batches(0)]
    padded = sum(x.numel() for x in batches)
    assert padded < 1.3 * sum(lengths)  # in random batches it is 3.4 times as much
    assert batches[0].shape[1] == max(lengths)
    widths = [x.shape[1] for x in batches]
    assert widths != sorted(widths, reverse=True)


def test_texts_of_nearly_one_length_are_not_sorted_by_it():
    lengths = [1 + i % 8 for i in range(640)]
    batches = list(loader_of(lengths, batch_size=16, shuffle=True).batches(0))
    assert all(len({lengths[i] for i in b.indices}) > 1 for b in batches)


def test_a_last_batch_of_one_is_joined_in_training_alone():
    assert [len(b.x) for b in loader_of([3] * 9, batch_size=4, shuffle=True)] == [4, 5]
    assert [len(b.x) for b in loader_of([3] * 9, batch_size=4)] == [4, 4, 1]


def test_without_shuffling_the_longest_come_first():
    loader = loader_of([2, 5, 3, 5], batch_size=2)
    assert [b.indices.tolist() for b in loader.batches(0)] == [[1, 3], [2, 0]]
    assert [b.indices.tolist() for b in loader.batches(7)] == [[1, 3], [2, 0]]


def test_the_identity_is_that_of_tokens_targets_and_order():
    identity = loader_of([1, 2], batch_size=2).identity
    assert identity == loader_of([1, 2], batch_size=2).identity
    others = [
        loader_of([2, 1], batch_size=2),
        loader_of([1, 2], batch_size=1),
        loader_of([1, 2], batch_size=2, seed=1),
        loader_of([1, 2], batch_size=2, shuffle=True),
        TextLoader(Ragged.of([[1], [2, 2]]), torch.tensor([1, 1]), batch_size=2),
        TextLoader(Ragged.of([[1], [2, 3]]), torch.arange(2), batch_size=2),
    ]
    assert all(other.identity != identity for other in others)


def test_a_message_names_a_text_as_it_was_called():
    rows = Ragged.of([[1], [2]])
    assert TextLoader(rows, torch.zeros(2)).describe(1) == "text 1"
    assert TextLoader(rows, torch.zeros(2), names=["line 1", "line 2"]).describe(1) == "line 2"


@pytest.mark.parametrize(
    ("rows", "n", "options", "message"),
    [
        ([], 0, {}, "There is no text to load."),
        ([[1]], 1, {"batch_size": 0}, "batch_size must be 1 or more, found 0."),
        ([[1]], 2, {}, "texts and targets must be equally many: found 1 and 2."),
    ],
)
def test_what_cannot_be_loaded_is_refused(rows, n, options, message):
    with pytest.raises(DataError) as caught:
        TextLoader(Ragged.of(rows), torch.zeros(n), **options)
    assert str(caught.value) == message
