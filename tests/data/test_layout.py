import numpy as np
import pytest

from learnkit.data.items import UNLABELLED
from learnkit.data.layout import read_folders, read_test
from learnkit.errors import DataError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def read(path, **options):
    defaults = {"train": "train", "valid": "valid", "test": None, "valid_pct": None}
    return read_folders(path, **{**defaults, **options})


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def layouts(root):
    return (
        f"Expected {root}/train/<class>/*.jpg and {root}/valid/<class>/*.jpg, "
        f"or {root}/<class>/*.jpg with valid_pct=0.2."
    )


def test_both_folders_are_read(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/x/2.jpg", "valid/a/3.jpg")
    files = read(tmp_path)
    assert files.train == (["train/a/1.jpg", "train/b/x/2.jpg"], ["a", "b"], f"{tmp_path}/train")
    assert files.valid == (["valid/a/3.jpg"], ["a"], f"{tmp_path}/valid")


def test_class_folders_are_read_where_a_fraction_is_held_out(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/2.jpg", "test/3.jpg")
    files = read(tmp_path, valid_pct=0.5, test="test")
    assert files.train == (["a/1.jpg", "b/2.jpg"], ["a", "b"], str(tmp_path))
    assert files.valid is None


def test_a_train_folder_may_be_split(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "other/3.jpg")
    assert read(tmp_path, valid_pct=0.5).train.names == ["train/a/1.jpg", "train/b/2.jpg"]


def test_a_missing_folder_shows_both_layouts(tmp_path):
    root = tmp_path / "photos"
    assert message_of(read, root) == f"Folder {root} does not exist. {layouts(root)}"


def test_an_empty_folder_shows_both_layouts(tmp_path):
    assert message_of(read, tmp_path) == (
        f"Folder {tmp_path} has no folder 'train': found nothing. {layouts(tmp_path)}"
    )


def test_an_empty_train_folder_shows_both_layouts(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "valid").mkdir()
    assert message_of(read, tmp_path) == (
        f"Folder {tmp_path}/train has no class folders with images: found nothing. "
        f"{layouts(tmp_path)}"
    )


def test_a_flat_folder_says_what_was_found(tmp_path):
    touch(tmp_path, "a_1.jpg", "a_2.jpg", "b_1.jpg", "b_2.jpg", "labels.csv")
    assert message_of(read, tmp_path) == (
        f"Folder {tmp_path} has no folder 'train': found 4 images (a_1.jpg, a_2.jpg, b_1.jpg, "
        f"...), 1 other file (labels.csv). {layouts(tmp_path)} "
        "Classes in the file names are read by from_name_re, in a table by from_csv."
    )
    assert message_of(read, tmp_path, valid_pct=0.2) == (
        f"Folder {tmp_path} has no class folders with images: found 4 images (a_1.jpg, a_2.jpg, "
        f"b_1.jpg, ...), 1 other file (labels.csv). {layouts(tmp_path)} "
        "Classes in the file names are read by from_name_re, in a table by from_csv."
    )


def test_class_folders_without_valid_pct_show_both_layouts(tmp_path):
    touch(tmp_path, "ants/1.jpg", "bees/1.jpg")
    assert message_of(read, tmp_path) == (
        f"Folder {tmp_path} has no folder 'train': found 2 folders (ants, bees). "
        f"{layouts(tmp_path)}"
    )


@pytest.mark.parametrize("name", ["val", "test", "Validation"])
def test_a_validation_folder_of_another_name_is_hinted_at(tmp_path, name):
    touch(tmp_path, "train/a/1.jpg", f"{name}/a/1.jpg")
    shown = ", ".join(sorted(["train", name]))
    assert message_of(read, tmp_path) == (
        f"Folder {tmp_path} has no folder 'valid': found 2 folders ({shown}). "
        f"Did you mean valid={name!r}? {layouts(tmp_path)}"
    )


def test_a_train_folder_of_another_name_is_hinted_at(tmp_path):
    touch(tmp_path, "Training/a/1.jpg", "valid/a/1.jpg")
    assert message_of(read, tmp_path) == (
        f"Folder {tmp_path} has no folder 'train': found 2 folders (Training, valid). "
        f"Did you mean train='Training'? {layouts(tmp_path)}"
    )


def test_no_validation_folder_says_how_to_hold_some_out(tmp_path):
    touch(tmp_path, "train/a/1.jpg")
    assert message_of(read, tmp_path) == (
        f"Folder {tmp_path} has no folder 'valid': found 1 folder (train). Pass valid_pct=0.2 to "
        f"hold out a fifth of {tmp_path}/train. {layouts(tmp_path)}"
    )


def test_valid_pct_beside_a_validation_folder_is_refused(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "valid/a/1.jpg")
    assert message_of(read, tmp_path, valid_pct=0.2) == (
        f"valid_pct=0.2 was given, but {tmp_path} has a folder 'valid' too. Leave valid_pct out "
        f"to validate on {tmp_path}/valid, or move that folder away to hold out a part of the "
        "training images."
    )


def test_parts_are_not_taken_for_classes(tmp_path):
    touch(tmp_path, *(f"{part}/{c}/1.jpg" for part in ("data_test", "data_train") for c in "ab"))
    assert message_of(read, tmp_path, valid_pct=0.2) == (
        f"The folders in {tmp_path} (data_test, data_train) hold the same folders (a, b), so they "
        "look like parts and not like classes. Pass train='data_train', valid='data_test', and no "
        "valid_pct."
    )


def test_classes_may_have_folders_of_the_same_names_within(tmp_path):
    touch(tmp_path, *(f"{label}/{side}/1.jpg" for label in ("ants", "bees") for side in "lr"))
    assert read(tmp_path, valid_pct=0.5).train.labels == ["ants", "ants", "bees", "bees"]


def test_loose_images_and_empty_class_folders_are_named_and_left_out(tmp_path):
    touch(
        tmp_path, "train/a/1.jpg", "train/b/1.jpg", "train/c/1.heic", "train/x.jpg", "valid/a/1.jpg"
    )
    with pytest.warns(UserWarning, match="left out|holds no") as warned:
        files = read(tmp_path)
    assert [str(warning.message) for warning in warned] == [
        f"1 image (x.jpg) directly in {tmp_path}/train left out: an image's class is the folder "
        "it is in.",
        f"Folder {tmp_path}/train/c holds no images (found 1 other file (1.heic)), so there is no "
        "class 'c'.",
    ]
    assert {warning.filename for warning in warned} == {__file__}
    assert files.train.labels == ["a", "b"]


def test_a_flat_test_folder_has_no_labels(tmp_path):
    touch(tmp_path, "test/2.jpg", "test/more/1.jpg")
    items = read_test(tmp_path, "test", ("a", "b"))
    assert items.names == ("test/2.jpg", "test/more/1.jpg")
    assert items.labels.tolist() == [UNLABELLED, UNLABELLED]


def test_a_test_folder_of_classes_has_labels(tmp_path):
    touch(tmp_path, "test/b/2.jpg", "test/a/1.jpg")
    items = read_test(tmp_path, "test", ("a", "b"))
    assert np.array_equal(items.labels, [0, 1])


def test_a_test_folder_of_which_only_some_are_classes_is_refused(tmp_path):
    touch(tmp_path, "test/rose/2.jpg", "test/dasy/1.jpg")
    assert message_of(read_test, tmp_path, "test", ("daisy", "rose")) == (
        f"Folder {tmp_path}/test/dasy is no class of the training images (daisy, rose), but "
        f"{tmp_path}/test/rose is. Did you mean 'daisy'? A test folder holds either classes or "
        "unsorted images."
    )


def test_a_missing_or_empty_test_folder_is_named(tmp_path):
    assert message_of(read_test, tmp_path, "test", ("a", "b")) == (
        f"Folder {tmp_path}/test does not exist. Leave test= out if there are no test images."
    )
    (tmp_path / "test").mkdir()
    assert message_of(read_test, tmp_path, "test", ("a", "b")) == (
        f"Folder {tmp_path}/test holds no images: found nothing."
    )
