"""Equal files: which stays, which goes, and why."""

import os
import sys

import pytest

from learnkit.data.doctor.copies import find_copies
from learnkit.data.doctor.finding import Aside, Finding


@pytest.fixture
def find(tmp_path, sample):
    """A function from names to findings; all of them are files of one content."""

    def found(*names, root=tmp_path):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(path):
                path.write_bytes(b"same")
        return find_copies([sample(name) for name in names], ["d"] * len(names), root).findings

    return found


def asides(*names):
    return tuple(Aside(name, "d") for name in names)


def test_of_a_photo_in_both_parts_the_one_validated_on_stays(find):
    assert find("train/cat/1.jpg", "train/cat/2.jpg", "valid/cat/1.jpg") == [
        Finding(
            kind="leak",
            severity="error",
            files=("valid/cat/1.jpg", "train/cat/1.jpg", "train/cat/2.jpg"),
            words="valid/cat/1.jpg = train/cat/1.jpg, train/cat/2.jpg",
            aside=asides("train/cat/1.jpg", "train/cat/2.jpg"),
        )
    ]


def test_the_copy_of_test_stays_before_that_of_valid(find):
    (leak,) = find("valid/cat/1.jpg", "test/1.jpg", "train/cat/1.jpg")
    assert leak.files == ("test/1.jpg", "valid/cat/1.jpg", "train/cat/1.jpg")
    assert leak.aside == asides("valid/cat/1.jpg", "train/cat/1.jpg")


@pytest.mark.parametrize("part", ["train", "valid", "all"])
def test_within_a_class_the_later_ones_go(find, part):
    names = tuple(f"{part}/cat/{n}.jpg" for n in range(3))
    assert find(*names) == [
        Finding(
            kind="copies",
            severity="warning",
            files=names,
            words=f"{names[0]} = {names[1]}, {names[2]}",
            aside=asides(*names[1:]),
        )
    ]


def test_under_two_labels_all_go_as_nobody_knows_which_is_right(find):
    assert find("train/cat/1.jpg", "train/dog/2.jpg") == [
        Finding(
            kind="conflict",
            severity="warning",
            files=("train/cat/1.jpg", "train/dog/2.jpg"),
            words="train/cat/1.jpg = train/dog/2.jpg (labels cat, dog)",
            aside=asides("train/cat/1.jpg", "train/dog/2.jpg"),
        )
    ]


def test_a_conflict_across_parts_is_a_leak_too(find):
    leak, conflict = find("train/cat/1.jpg", "valid/dog/2.jpg")
    assert (leak.kind, leak.severity, leak.aside) == ("leak", "error", ())
    assert conflict.aside == asides("valid/dog/2.jpg", "train/cat/1.jpg")


def test_a_photo_without_a_label_contradicts_none(find):
    assert [found.kind for found in find("train/cat/1.jpg", "test/1.jpg")] == ["leak"]


def test_of_each_content_one_is_kept_and_what_was_not_read_is_none(sample):
    names = ("train/cat/1.jpg", "train/cat/2.jpg", "valid/cat/1.jpg", "valid/cat/2.jpg")
    found = find_copies([sample(name) for name in names], ["a", None, "a", "b"], None)
    assert found.kept == [2, 3]
    assert [finding.aside for finding in found.findings] == [()]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
class TestLinks:
    """Moving one of two names of a file away may take the other one with it."""

    def test_what_another_one_links_to_is_not_moved(self, find, tmp_path):
        (tmp_path / "valid" / "cat").mkdir(parents=True)
        (tmp_path / "valid" / "cat" / "1.jpg").symlink_to("../../train/cat/1.jpg")
        (leak,) = find("train/cat/1.jpg", "valid/cat/1.jpg")
        assert leak.aside == ()

    def test_a_link_to_what_stays_is_moved(self, find, tmp_path):
        (tmp_path / "train" / "cat").mkdir(parents=True)
        (tmp_path / "train" / "cat" / "1.jpg").symlink_to("../../valid/cat/1.jpg")
        (leak,) = find("train/cat/1.jpg", "valid/cat/1.jpg")
        assert leak.aside == asides("train/cat/1.jpg")

    def test_one_file_seen_through_two_folders_is_not_moved(self, find, tmp_path):
        (tmp_path / "valid" / "cat").mkdir(parents=True)
        (tmp_path / "train").mkdir()
        (tmp_path / "train" / "cat").symlink_to("../valid/cat")
        (leak,) = find("valid/cat/1.jpg", "train/cat/1.jpg")
        assert leak.aside == ()

    def test_a_link_seen_through_two_folders_is_not_moved(self, find, tmp_path):
        (tmp_path / "valid" / "cat").mkdir(parents=True)
        (tmp_path / "real.jpg").write_bytes(b"same")
        (tmp_path / "valid" / "cat" / "1.jpg").symlink_to("../../real.jpg")
        (tmp_path / "train").mkdir()
        (tmp_path / "train" / "cat").symlink_to("../valid/cat")
        (leak,) = find("valid/cat/1.jpg", "train/cat/1.jpg")
        assert leak.aside == ()

    def test_hard_links_are_names_of_their_own(self, find, tmp_path):
        find("valid/cat/1.jpg")
        (tmp_path / "train" / "cat").mkdir(parents=True)
        (tmp_path / "train" / "cat" / "1.jpg").hardlink_to(tmp_path / "valid/cat/1.jpg")
        (leak,) = find("train/cat/1.jpg", "valid/cat/1.jpg")
        assert leak.aside == asides("train/cat/1.jpg")
