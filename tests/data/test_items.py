import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.file_names import FileNames
from learnkit.data.items import (
    Items,
    describe_folder,
    existing_folder,
    has_loose_images,
    is_image_name,
    list_folders,
    list_images,
)
from learnkit.errors import DataError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_images_are_listed_sorted_by_relative_path_whatever_the_case_of_their_suffix(tmp_path):
    touch(tmp_path, "b/2.JPG", "a/deep/er/1.Png", "a/0.webp", "3.jpeg", "a/notes.txt", "a/jpg")
    assert list_images(tmp_path) == ["3.jpeg", "a/0.webp", "a/deep/er/1.Png", "b/2.JPG"]


def test_hidden_files_and_folders_are_left_out(tmp_path):
    touch(tmp_path, "a/._1.jpg", "a/.1.jpg", ".ipynb_checkpoints/1.jpg", "a/1.jpg")
    assert list_images(tmp_path) == ["a/1.jpg"]


def test_links_are_followed_but_a_loop_ends(tmp_path):
    touch(tmp_path, "photos/a/1.jpg", "elsewhere/2.jpg")
    (tmp_path / "photos/a/up").symlink_to(tmp_path / "photos")
    (tmp_path / "photos/a/above").symlink_to(tmp_path)
    (tmp_path / "photos/b").symlink_to(tmp_path / "elsewhere")
    assert list_images(tmp_path / "photos") == ["a/1.jpg", "b/2.jpg"]


def test_two_folders_that_link_to_each_other_end(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a/to_b").symlink_to(tmp_path / "b")
    (tmp_path / "b/to_a").symlink_to(tmp_path / "a")
    assert list_images(tmp_path) == ["a/1.jpg", "a/to_b/2.jpg", "b/2.jpg", "b/to_a/1.jpg"]


def test_a_folder_with_the_suffix_of_an_image_is_no_image(tmp_path):
    touch(tmp_path, "a.jpg/1.png")
    assert list_images(tmp_path) == ["a.jpg/1.png"]


def test_a_missing_folder_is_named_with_the_nearest_beside_it(tmp_path):
    (tmp_path / "flowers").mkdir()
    with pytest.raises(DataError) as error:
        list_images(tmp_path / "flower")
    assert str(error.value) == (f"Folder {tmp_path}/flower does not exist. Did you mean 'flowers'?")


def test_a_file_is_no_folder(tmp_path):
    touch(tmp_path, "flowers.zip")
    with pytest.raises(DataError) as error:
        existing_folder(tmp_path / "flowers.zip", expected="Unpack it first.")
    assert str(error.value) == f"{tmp_path}/flowers.zip is a file, not a folder. Unpack it first."


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    assert existing_folder("~/photos") == tmp_path / "photos"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "nothing"),
        ([".hidden"], "nothing"),
        (["a/1.jpg", "x.txt"], "1 folder (a), 1 other file (x.txt)"),
        (["1.jpg", "2.jpg", "3.jpg", "4.jpg"], "4 images (1.jpg, 2.jpg, 3.jpg, ...)"),
    ],
)
def test_a_folder_is_described_in_a_few_words(tmp_path, names, said):
    touch(tmp_path, *names)
    assert describe_folder(tmp_path) == said


def test_items_name_their_files():
    items = Items(Path("photos"), FileNames.of(["a/1.jpg", "/far/2.jpg"]), np.array([0, 1]))
    assert len(items) == 2
    assert [items.path(0), items.path(1)] == [Path("photos/a/1.jpg"), Path("/far/2.jpg")]
    assert items.source().describe(0) == "photos/a/1.jpg"


def test_items_need_a_label_for_each_file():
    with pytest.raises(DataError) as error:
        Items(Path(), FileNames.of(["a.jpg"]), np.array([0, 1]))
    assert str(error.value) == (
        "Items needs one label for each file: 1 names, labels of shape (2,)."
    )


def test_a_link_to_itself_is_no_folder(tmp_path):
    touch(tmp_path, "a/1.jpg")
    for name in ("a/2.jpg", "b"):
        (tmp_path / name).symlink_to(tmp_path / name)
    assert list_folders(tmp_path) == ["a"]
    assert describe_folder(tmp_path / "a") == "2 images (1.jpg, 2.jpg)"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_has_the_name_of_an_image_is_listed_so_that_its_fault_is_told(tmp_path):
    """Left out here, it would be missing without a word."""
    touch(tmp_path, "a/1.jpg")
    (tmp_path / "a/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "a/itself.jpg").symlink_to("itself.jpg")
    os.mkfifo(tmp_path / "a/pipe.jpg")
    names = ["1.jpg", "gone.jpg", "itself.jpg", "pipe.jpg"]
    assert list_images(tmp_path) == [f"a/{name}" for name in names]
    assert has_loose_images(tmp_path / "a")
    assert describe_folder(tmp_path / "a") == "4 images (1.jpg, gone.jpg, itself.jpg, ...)"


@pytest.mark.parametrize("given", [None, 5])
def test_what_is_no_path_is_told(given):
    with pytest.raises(DataError) as caught:
        existing_folder(given)
    expected = f"A folder is given by its path, as text or a Path; found {given}."
    assert str(caught.value) == expected


def test_the_order_is_that_of_whole_paths_sorted_as_text(tmp_path):
    names = ["a-b.jpg", "a.jpg", "a/1.jpg", "a0.jpg", "a.d/1.jpg", "ab/1.jpg", "ab/b-c/1.jpg"]
    names += ["ab/b/1.jpg", "ab/b.jpg", "B.jpg", "\xe9.jpg", "\u65e5/1.jpg", "\U0001f600.jpg"]
    touch(tmp_path, *names)
    assert list_images(tmp_path) == sorted(names)


@given(st.lists(st.lists(st.text("ab-./0", min_size=1, max_size=3), min_size=1, max_size=3)))
def test_the_order_is_that_of_whole_paths_for_any_names(given):
    names = {
        "/".join(part.replace("/", "_").strip(".") or "c" for part in parts) for parts in given
    }
    with tempfile.TemporaryDirectory() as folder:
        touch(Path(folder), *(f"{name}.png" for name in names))
        assert list_images(folder) == sorted(f"{name}.png" for name in names)


def test_names_that_are_no_text_are_listed_and_found_again(tmp_path):
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    with open(raw, "wb"):  # noqa: PTH123 - a Path takes no bytes
        pass
    names = list_images(tmp_path)
    assert [os.fsencode(tmp_path / name) for name in names] == [raw]


@pytest.mark.parametrize("name", ["a.jpg", "a.b.JPG", "a b.TIFF", "\xe9.webp", "..jpg"])
def test_a_name_of_an_image_has_its_suffix(name):
    assert is_image_name(name)


@pytest.mark.parametrize("name", ["jpg", ".jpg", "a.jpg.txt", "a.", "a.jp", "a.jpg~", ""])
def test_another_name_has_not(name):
    assert not is_image_name(name)


def test_loose_images_are_those_in_the_folder_itself(tmp_path):
    touch(tmp_path, "a/1.jpg", "b.txt", ".c.jpg", "d.jpg/e.txt")
    assert not has_loose_images(tmp_path)
    touch(tmp_path, "f.png")
    assert has_loose_images(tmp_path)


def test_a_folder_within_a_linked_folder_is_read_too(tmp_path):
    touch(tmp_path, "photos/1.jpg", "far/deep/2.jpg")
    (tmp_path / "photos/link").symlink_to(tmp_path / "far")
    (tmp_path / "far/deep/back").symlink_to(tmp_path / "far")
    assert list_images(tmp_path / "photos") == ["1.jpg", "link/deep/2.jpg"]


def test_no_file_is_asked_for_more_than_its_kind(tmp_path, monkeypatch):
    touch(tmp_path, *(f"a/{i}.jpg" for i in range(20)), "b/1.jpg")
    asked = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: asked.append(path) or stat(path, **more))
    assert len(list_images(tmp_path)) == 21
    assert not [path for path in asked if os.fspath(path).endswith(".jpg")]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.jpg")
    scandir = os.scandir

    def forbidding(folder):
        if Path(folder).name == "a":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", forbidding)
    with pytest.raises(DataError) as error:
        list_images(tmp_path)
    assert str(error.value) == f"Folder {tmp_path}/a cannot be read: Permission denied."
