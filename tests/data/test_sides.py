from pathlib import Path

import pytest

from learnkit.data.labels import Labelled
from learnkit.data.sides import hold_out_files, names_below, sides_of_paths, sides_of_rows
from learnkit.data.table import Rows
from learnkit.errors import DataError


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def by_first_letter(path):
    return path.name[0]


@pytest.fixture
def root(tmp_path):
    for name in ("a1.jpg", "a2.jpg", "b1.jpg", "b2.jpg"):
        (tmp_path / name).touch()
    return tmp_path


def share_paths(root, files):
    return sides_of_paths(root, files, by_first_letter, valid_pct=0.5, stratified=True, seed=42)


def test_all_images_below_are_taken_where_none_are_listed(root):
    sides = share_paths(root, None)
    assert sorted([*sides.train.names, *sides.valid.names]) == [
        "a1.jpg",
        "a2.jpg",
        "b1.jpg",
        "b2.jpg",
    ]
    assert sorted(sides.valid.labels) == sorted(sides.train.labels) == ["a", "b"]
    assert sides.train.where == f"the training part of {root}"


def test_listed_files_may_be_relative_or_absolute(root):
    sides = share_paths(root, ["a1.jpg", Path("a2.jpg"), root / "b1.jpg"])
    assert sorted([*sides.train.names, *sides.valid.names]) == [
        "a1.jpg",
        "a2.jpg",
        "b1.jpg",
    ]


def test_files_may_start_with_the_folder_itself():
    files = ["photos/1.jpg", Path("photos/b/2.jpg"), "3.jpg", "/far/4.jpg"]
    assert names_below(Path("photos"), files) == ["1.jpg", "b/2.jpg", "3.jpg", "/far/4.jpg"]
    assert names_below(Path(), ["photos/1.jpg"]) == ["photos/1.jpg"]


def test_nothing_to_label_is_an_error(root, tmp_path):
    (tmp_path / "empty").mkdir()
    assert message_of(share_paths, tmp_path / "empty", None) == (
        f"There are no images to label in {tmp_path}/empty: found nothing."
    )
    assert message_of(share_paths, root, []) == (
        f"There are no images to label in {root}: the list is empty."
    )


def test_a_listed_file_that_does_not_exist_is_named(root):
    assert message_of(share_paths, root, ["a1.jpg", "c1.jpg"]) == (
        f"1 of the 2 files named in files does not exist in {root}: c1.jpg."
    )


def test_a_column_and_a_fraction_are_too_much(root):
    rows = Rows(["a1.jpg", "b1.jpg"], ["a", "b"], [True, False])
    said = message_of(
        sides_of_rows, root, rows, "labels.csv", valid_pct=0.2, stratified=True, seed=42
    )
    assert said == "valid_col and valid_pct=0.2 were both given: give one."


def test_a_column_says_who_is_on_which_side(root):
    rows = Rows(["a1.jpg", "b1.jpg"], ["a", "b"], [True, False])
    sides = sides_of_rows(root, rows, "labels.csv", valid_pct=None, stratified=True, seed=42)
    assert sides.train == (["b1.jpg"], ["b"], "the training rows of labels.csv")
    assert sides.valid == (["a1.jpg"], ["a"], "the validation rows of labels.csv")


def test_a_seed_repeats_its_split(root):
    files = Labelled.of([f"{i}.jpg" for i in range(20)], ["a", "b"] * 10, "photos")
    splits = [
        hold_out_files(root, files, 0.3, stratified=False, seed=seed).valid.names
        for seed in (1, 1, 2)
    ]
    assert splits[0] == splits[1] != splits[2]
