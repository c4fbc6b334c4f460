"""Samples by class and part."""

import pytest

from learnkit.data.doctor.balance import ClassCounts, count_classes, find_uneven
from learnkit.data.doctor.finding import Sample


@pytest.fixture
def count():
    """A function from {part: {label: n}} to counts."""

    def counts(parts, classes=()):
        samples = [
            Sample(part, f"{part}/{label}/{n}.jpg", label)
            for part, labels in parts.items()
            for label, many in labels.items()
            for n in range(many)
        ]
        return count_classes(samples, tuple(parts), classes)

    return counts


def words(counts, max_imbalance=10.0):
    return [(f.kind, f.words) for f in find_uneven(counts, max_imbalance)]


def test_samples_are_counted_by_class_and_part(count):
    counts = count({"train": {"10": 3, "9": 2}, "valid": {"9": 1}, "test": {None: 4}})
    assert counts == ClassCounts(
        classes=("9", "10"),
        parts=("train", "valid", "test"),
        counts=((2, 1, 0), (3, 0, 0)),
        unlabelled=(0, 0, 4),
    )
    assert counts.totals == (5, 1, 4)
    assert counts.imbalance == 1.5


def test_known_classes_keep_the_models_order(count):
    assert count({"train": {"a": 1, "c": 1}}, ("c", "b", "a")).classes == ("c", "b", "a")


def test_even_classes_are_no_finding(count):
    assert words(count({"train": {"a": 10, "b": 1}, "valid": {"a": 1, "b": 1}})) == []


def test_more_than_ten_times_another_class_is_a_warning(count):
    counts = count({"train": {"a": 21, "b": 2, "c": 5}, "valid": {"a": 1, "b": 90, "c": 1}})
    expected = [("imbalance", "in train there are 21 of 'a', 10.5 times the 2 of 'b'")]
    assert words(counts) == expected
    assert words(counts, 11.0) == []
    assert find_uneven(counts, 10.0)[0].severity == "warning"


def test_a_class_that_a_part_lacks_is_named(count):
    counts = count({"train": {"a": 2, "b": 2}, "valid": {"a": 1, "c": 3}, "test": {"a": 1}})
    assert words(counts) == [
        ("missing class", "train has none of 'c'; there are 3 elsewhere"),
        ("missing class", "valid has none of 'b'; there are 2 elsewhere"),
    ]
    assert {f.severity for f in find_uneven(counts, 10.0)} == {"warning"}


def test_a_part_without_labels_lacks_no_class(count):
    assert words(count({"train": {"a": 2, "b": 2}, "valid": {}, "test": {None: 2}})) == []


def test_one_class_alone_cannot_be_trained(count):
    assert words(count({"all": {"a": 2}})) == [
        ("missing class", "in all there is only class 'a'; training needs two")
    ]


def test_a_class_given_that_nothing_is_of_is_named(count):
    assert words(count({"train": {"a": 2, "b": 2}}, ("a", "b", "c"))) == [
        ("missing class", "there is nothing of 'c' at all")
    ]


def test_counts_without_classes_have_no_imbalance(count):
    counts = count({"train": {None: 3}})
    assert counts.imbalance is None
    assert counts.totals == (3,)
    assert words(counts) == []
