from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.folds import grouped_folds, k_folds, stratified_folds
from learnkit.errors import DataError

LABELS = st.lists(st.sampled_from("abc"), min_size=6, max_size=60)


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def check_folds(folds, n, k):
    """Every pair is a partition, and every sample is validated on exactly once."""
    assert len(folds) == k
    for train, valid in folds:
        assert sorted([*train, *valid]) == list(range(n))
        assert len(valid) >= 1
    assert sorted(i for _, valid in folds for i in valid) == list(range(n))


@given(st.integers(2, 80), st.integers(2, 8), st.integers(0, 5))
def test_every_sample_is_in_one_folds_validation(n, k, seed):
    if k > n:
        return
    folds = k_folds(n, k, seed=seed)
    check_folds(folds, n, k)
    sizes = [len(valid) for _, valid in folds]
    assert max(sizes) - min(sizes) <= 1
    again = k_folds(n, k, seed=seed)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, again, strict=True))


@given(LABELS, st.integers(2, 5), st.integers(0, 5))
def test_stratified_folds_differ_by_one_of_each_class_and_in_all(labels, k, seed):
    if min(Counter(labels).values()) < 2:
        return
    folds = stratified_folds(labels, k, seed=seed)
    check_folds(folds, len(labels), k)
    for wanted in [*set(labels), None]:
        counts = [sum(wanted in (None, labels[i]) for i in valid) for _, valid in folds]
        assert max(counts) - min(counts) <= 1
    assert all({labels[i] for i in train} == set(labels) for train, _ in folds)


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=4, max_size=60),
    st.integers(2, 4),
    st.integers(0, 5),
    st.booleans(),
)
def test_grouped_folds_never_share_a_group(groups, k, seed, stratified):
    if len(set(groups)) < k:
        return
    labels = [str(group < "c") for group in groups] if stratified else None
    folds = grouped_folds(groups, k, labels=labels, seed=seed)
    check_folds(folds, len(groups), k)
    for train, valid in folds:
        assert not {groups[i] for i in train} & {groups[i] for i in valid}


def test_grouped_folds_have_about_as_many_samples_each():
    groups = ["a"] * 6 + ["b"] * 5 + ["c"] * 4 + ["d"] * 3 + ["e"] * 3
    assert sorted(len(valid) for _, valid in grouped_folds(groups, 3)) == [6, 7, 8]


def test_grouped_folds_share_a_rare_class_out():
    groups = [f"p{i // 3}" for i in range(90)]
    labels = ["ill" if i // 3 % 6 == 0 else "well" for i in range(90)]
    for _, valid in grouped_folds(groups, 5, labels=labels):
        assert [labels[i] for i in valid].count("ill") == 3
        assert len(valid) == 18


def test_another_seed_gives_other_folds():
    assert k_folds(40, 4, seed=0)[0][1].tolist() != k_folds(40, 4, seed=1)[0][1].tolist()


def test_folds_that_cannot_be_are_refused():
    assert message_of(k_folds, 3, 5) == "5 folds need at least 5 samples: found 3."
    assert message_of(grouped_folds, ["a", "b"], 3) == "3 folds need at least 3 groups: found 2."
    assert message_of(k_folds, 3, 1) == (
        "k, the number of folds, must be a whole number of at least 2: got 1."
    )
    assert message_of(stratified_folds, ["a", "a", "b"], 2) == (
        "Class 'b' has one sample: in the fold that validates on it, it would not be trained on. "
        "Add samples of it, leave it out, or do not stratify."
    )
