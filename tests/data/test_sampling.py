from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.order import EpochPlan
from learnkit.data.samples import Samples
from learnkit.data.sampling import drawn, weights_of
from learnkit.errors import DataError
from learnkit.randomness import IntArray


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


LABELS = ["often"] * 90 + ["rare"] * 10
TRAIN = Samples(100, LABELS)


def counts_of(chosen: IntArray) -> Counter[str]:
    return Counter(LABELS[i] for i in chosen)


def test_balanced_classes_come_equally_often_in_every_epoch():
    weights = weights_of("balanced", TRAIN)
    for epoch in range(20):
        counts = counts_of(drawn(weights, seed=42, epoch=epoch))
        assert abs(counts["rare"] - 50) <= 1
        assert counts.total() == 100


def test_over_the_epochs_every_sample_comes_as_often_as_its_class_says():
    weights = weights_of("balanced", TRAIN)
    many = np.concatenate([drawn(weights, seed=1, epoch=epoch) for epoch in range(300)])
    times = np.bincount(many, minlength=100) / 300
    np.testing.assert_allclose(times[:90], 50 / 90, atol=0.12)  # four standard deviations
    np.testing.assert_allclose(times[90:], 5.0, atol=0.12)


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=40).filter(any),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_a_draw_is_a_function_of_seed_and_epoch_and_rounds_each_share(weights, seed, epoch):
    given_weights = np.array(weights)
    chosen = drawn(given_weights, seed=seed, epoch=epoch)
    assert np.array_equal(chosen, drawn(given_weights, seed=seed, epoch=epoch))
    expected = len(weights) * given_weights / given_weights.sum()
    counts = np.bincount(chosen, minlength=len(weights))
    assert (np.abs(counts - expected) < 1 + 1e-6).all()
    assert not counts[given_weights == 0].any()


def test_equal_weights_take_every_sample_once():
    chosen = drawn(np.full(50, 0.3), seed=0, epoch=0)
    assert sorted(chosen.tolist()) == list(range(50))
    assert chosen.tolist() != sorted(chosen.tolist())


def test_a_class_may_have_a_weight_and_others_have_one():
    weights = weights_of({"rare": 9.0}, TRAIN)
    assert set(weights[:90]) == {1.0}
    assert set(weights[90:]) == {9.0}


def test_weights_of_all_samples_are_those_of_the_training_part():
    kept = np.array([2, 0])
    assert weights_of([1.0, 2.0, 3.0], Samples(2), kept, 3).tolist() == [3.0, 1.0]
    assert weights_of(lambda samples: [samples.n] * samples.n, Samples(2)).tolist() == [2.0, 2.0]
    assert weights_of(None, Samples(2)) is None


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (
            "balance",
            "sampling must be None, 'balanced', a weight for each class ({'spam': 3.0}), a weight "
            "for each sample, or a function of the samples that returns these: found 'balance'. "
            "Did you mean 'balanced'?",
        ),
        (
            {"rar": 2.0},
            "sampling names the class 'rar', which no training sample has. Did you mean 'rare'? "
            "The classes are: 'often', 'rare'.",
        ),
        (
            [1.0, 2.0],
            "sampling has weights of shape (2,), but there are 100 samples: give one number for "
            "each.",
        ),
        (
            {"rare": -1.0},
            "Weight 90 (counted from 0) of sampling is -1: weights are finite and at least 0.",
        ),
        (
            {"rare": 0, "often": 0.0},
            "All 100 weights of sampling are 0: no sample would be trained on.",
        ),
    ],
)
def test_a_sampling_that_cannot_be_is_refused(sampling, expected):
    assert message_of(weights_of, sampling, TRAIN) == expected


def test_classes_must_be_known_to_be_balanced():
    assert message_of(weights_of, "balanced", Samples(3)) == (
        "sampling by class needs classes: these targets are none, or are not known before the "
        "samples are loaded. Give a weight for each sample."
    )


def test_a_plan_draws_batches_and_says_so_in_its_identity():
    weights = weights_of("balanced", TRAIN)
    plan = EpochPlan(100, 16, 42, True, False, weights)
    batches = plan.batches(3)
    assert np.array_equal(np.concatenate(batches), drawn(weights, seed=42, epoch=3))
    assert [len(batch) for batch in batches] == [16] * 6 + [4]
    assert (
        plan.identity["weights"]
        != EpochPlan(100, 16, 42, True, False, weights * 2).identity["weights"]
    )
    assert "weights" not in EpochPlan(100, 16, 42, True).identity
    assert message_of(EpochPlan, 100, 16, 42, False, False, weights) == (
        "Weights are for training: they need shuffle=True."
    )


def test_a_loader_goes_on_from_inside_an_epoch():
    weights = weights_of("balanced", TRAIN)
    tensors = torch.utils.data.TensorDataset(torch.arange(100.0)[:, None], torch.zeros(100))
    loader = DatasetLoader(tensors, batch_size=8, shuffle=True, weights=weights)
    whole = [loaded.indices.tolist() for loaded in loader.batches(2)]
    rest = [loaded.indices.tolist() for loaded in loader.batches(2, start=5)]
    assert whole[5:] == rest
