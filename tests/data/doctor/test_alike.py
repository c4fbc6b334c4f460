"""Near duplicates: across parts an error, within one good to know."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.doctor.alike import _groups, find_alike
from learnkit.data.doctor.finding import Aside, Finding


def hashed(seed, flipped=0):
    """Return the random hash of a seed with its first bits flipped."""
    bits = np.random.default_rng(seed).integers(0, 2, 256, dtype=np.uint8)
    bits[:flipped] ^= 1
    return np.packbits(bits).tobytes()


@pytest.fixture
def find(sample, look):
    """A function from (name, hash) to findings, with 64 bits to differ."""

    def found(*photos, near=64):
        samples = [sample(name) for name, _ in photos]
        looks = [look(sha256=name, hash=value) for name, value in photos]
        return find_alike(samples, looks, range(len(photos)), near)

    return found


def test_the_copies_trained_on_go_and_the_nearest_is_named_first(find):
    assert find(
        ("train/cat/1.jpg", hashed(1, 40)),
        ("train/cat/2.jpg", hashed(1, 6)),
        ("train/cat/3.jpg", hashed(2)),
        ("valid/cat/4.jpg", hashed(1)),
    )[0] == Finding(
        kind="near leak",
        severity="error",
        files=("valid/cat/4.jpg", "train/cat/2.jpg", "train/cat/1.jpg"),
        words="valid/cat/4.jpg ~ train/cat/2.jpg, train/cat/1.jpg (6 to 40 bits)",
        aside=(
            Aside("train/cat/2.jpg", "train/cat/2.jpg"),
            Aside("train/cat/1.jpg", "train/cat/1.jpg"),
        ),
    )


@pytest.mark.parametrize(("bits", "expected"), [(64, ["near leak"]), (65, [])])
def test_so_many_bits_may_differ_and_no_more(find, bits, expected):
    found = find(("train/cat/1.jpg", hashed(1, bits)), ("valid/cat/1.jpg", hashed(1)))
    assert [finding.kind for finding in found] == expected


def test_a_photo_in_train_that_is_like_one_in_test_is_named_with_the_nearest(find):
    (leak, other) = find(
        ("train/cat/1.jpg", hashed(1)),
        ("valid/cat/2.jpg", hashed(1, 30)),
        ("test/3.jpg", hashed(1, 10)),
    )
    assert leak.words == "test/3.jpg ~ train/cat/1.jpg (10 bits)"
    assert other.words == "test/3.jpg ~ valid/cat/2.jpg (20 bits)"
    assert [aside.file for aside in other.aside] == ["valid/cat/2.jpg"]


def test_within_a_part_they_are_grouped_and_stay(find):
    assert find(
        ("train/cat/1.jpg", hashed(1)),
        ("train/cat/2.jpg", hashed(2)),
        ("train/cat/3.jpg", hashed(1, 8)),
        ("train/cat/4.jpg", hashed(1, 16)),
        ("train/cat/5.jpg", hashed(2, 1)),
    ) == [
        Finding(
            kind="near copies",
            severity="info",
            files=("train/cat/1.jpg", "train/cat/3.jpg", "train/cat/4.jpg"),
            words="train/cat/1.jpg ~ train/cat/3.jpg, train/cat/4.jpg",
        ),
        Finding(
            kind="near copies",
            severity="info",
            files=("train/cat/2.jpg", "train/cat/5.jpg"),
            words="train/cat/2.jpg ~ train/cat/5.jpg",
        ),
    ]


def test_under_two_labels_they_are_a_warning_and_stay(find):
    assert find(("train/cat/1.jpg", hashed(1)), ("train/dog/2.jpg", hashed(1, 2))) == [
        Finding(
            kind="near conflict",
            severity="warning",
            files=("train/cat/1.jpg", "train/dog/2.jpg"),
            words="train/cat/1.jpg ~ train/dog/2.jpg (labels cat, dog)",
        )
    ]


def test_photos_without_a_hash_are_like_none(find):
    assert find(("train/cat/1.jpg", None), ("train/cat/2.jpg", None)) == []
    assert find(("train/cat/1.jpg", None), ("valid/cat/2.jpg", hashed(1))) == []
    assert find() == []


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19))))
def test_groups_are_what_links_hold_together(n, links):
    links = [(a % n, b % n) for a, b in links]
    groups = _groups(n, links)
    together = {frozenset(group) for group in groups}
    assert all(any({a, b} <= group for group in together) for a, b in links if a != b)
    places = [place for group in groups for place in group]
    assert len(places) == len(set(places))
    for group in together:  # nothing more is put together: a walk along links reaches all of it
        reached = {min(group)}
        for _ in group:
            reached |= {b for a, b in links if a in reached} | {a for a, b in links if b in reached}
        assert reached == group
