import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.coded_labels import Labels
from learnkit.data.split import check_pct, split_groups, split_random, split_stratified
from learnkit.errors import DataError

PCTS = st.floats(0.01, 0.99)
LABELS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=60)


@given(st.integers(2, 200), PCTS, st.integers(-5, 5))
def test_a_random_split_is_a_partition_with_both_sides_and_stable_under_the_seed(n, pct, seed):
    train, valid = split_random(n, pct, seed)
    assert sorted([*train, *valid]) == list(range(n))
    assert len(train) >= 1
    assert len(valid) == min(max(1, round(n * pct)), n - 1)
    again = split_random(n, pct, seed)
    assert np.array_equal(train, again[0])
    assert np.array_equal(valid, again[1])


def test_another_seed_gives_another_split():
    assert split_random(100, 0.2, 0)[1].tolist() != split_random(100, 0.2, 1)[1].tolist()


def test_the_split_of_seed_42_is_the_same_on_every_machine():
    assert split_random(10, 0.3, 42)[1].tolist() == [1, 3, 7]


@given(LABELS, PCTS, st.integers(0, 5))
def test_a_stratified_split_is_a_partition_and_keeps_each_class_in_training(labels, pct, seed):
    counts = {label: labels.count(label) for label in labels}
    if max(counts.values()) < 2:
        return
    train, valid = split_stratified(labels, pct, seed)
    assert sorted([*train, *valid]) == list(range(len(labels)))
    assert {labels[i] for i in train} == set(labels)
    places = len(labels) - len(counts)  # one of each class stays
    assert len(valid) == min(max(1, round(len(labels) * pct)), len(labels) - 1, places)


def test_a_stratified_split_takes_the_same_fraction_of_every_class():
    labels = ["rare"] * 5 + ["often"] * 50
    _, valid = split_stratified(labels, 0.2, 42)
    assert [labels[i] for i in valid].count("rare") == 1
    assert len(valid) == 11


def test_rows_that_name_one_file_stay_on_one_side():
    files = [f"{i % 10}.jpg" for i in range(30)]
    labels = [str(i % 2) for i in range(30)]
    for stratified in (True, False):
        train, valid = split_groups(files, labels, 0.3, 42, stratified=stratified)
        assert len(train) == 21
        assert not {files[i] for i in train} & {files[i] for i in valid}


@pytest.mark.parametrize(
    ("pct", "said"),
    [
        (20, "found 20. Did you mean 0.2?"),
        (0, "found 0."),
        (1.0, "found 1.0."),
        (-0.1, "found -0.1."),
        (True, "found True."),
        ("0.2", "found '0.2'."),
        (float("nan"), "found nan."),
    ],
)
def test_valid_pct_must_be_a_fraction(pct, said):
    with pytest.raises(DataError) as error:
        check_pct(pct)
    assert str(error.value) == f"valid_pct must be a fraction between 0 and 1, {said}"


def test_one_image_cannot_be_split():
    with pytest.raises(DataError) as error:
        split_random(1, 0.5, 42)
    assert str(error.value) == (
        "A split needs at least two images, one for training and one for validation: found 1."
    )


def test_classes_of_one_image_each_cannot_be_split():
    with pytest.raises(DataError) as error:
        split_stratified(["a", "b", "c"], 0.2, 42)
    assert str(error.value) == (
        "A split needs a class with at least two images, one for training and one for "
        "validation: each of the 3 classes has one."
    )


@given(st.lists(st.sampled_from(["b", "a", "10", "9", "\xe9"]), min_size=4), st.integers(0, 3))
def test_a_split_does_not_depend_on_how_labels_are_held(labels, seed):
    if len(set(labels)) == len(labels):
        return
    reordered = Labels([sorted(set(labels)).index(x) for x in labels], sorted(set(labels)))
    splits = [split_stratified(held, 0.3, seed) for held in (labels, Labels.of(labels), reordered)]
    for train, valid in splits[1:]:
        assert np.array_equal(train, splits[0][0])
        assert np.array_equal(valid, splits[0][1])


def test_the_stratified_split_of_seed_42_is_the_same_on_every_machine():
    assert split_stratified(list("bababbaacc"), 0.4, 42)[1].tolist() == [1, 5, 7, 9]


@pytest.mark.parametrize("stratified", [True, False])
def test_groups_of_one_are_split_as_samples_are(stratified):
    files, labels = [f"{i}.jpg" for i in range(40)], [str(i % 3) for i in range(40)]
    alone = split_groups(files, labels, 0.3, 42, stratified=stratified)
    each = split_stratified(labels, 0.3, 42) if stratified else split_random(40, 0.3, 42)
    assert np.array_equal(alone[1], each[1])


@pytest.mark.parametrize("stratified", [True, False])
def test_names_of_equal_hash_are_not_taken_for_one_file(stratified):
    class Hashed(str):
        __slots__ = ()

        def __hash__(self):
            return 1

        def __eq__(self, other):
            return str.__eq__(self, other)

    files, labels = [f"{i}.jpg" for i in range(40)], [str(i % 3) for i in range(40)]
    splits = [
        split_groups(names, labels, 0.3, 42, stratified=stratified)
        for names in (files, [Hashed(name) for name in files])
    ]
    assert np.array_equal(splits[0][1], splits[1][1])
