"""Folders are read as training reads them; what training refuses is a finding."""

import shutil

import pytest

from learnkit.data.doctor.folders import check_folder
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError

NO_NEAR = CheckOptions(near=None)


def test_both_sides_are_read_with_their_labels(photos):
    report = check_folder(photos, options=NO_NEAR)
    assert report.title == str(photos)
    assert report.counts.parts == ("train", "valid")
    assert report.counts.counts == ((2, 2), (2, 2))
    assert report.findings == ()


def test_folders_may_have_other_names(photos):
    (photos / "train").rename(photos / "learn")
    (photos / "valid").rename(photos / "check")
    report = check_folder(photos, train="learn", valid="check", options=NO_NEAR)
    assert report.counts.totals == (4, 4)


def test_class_folders_without_a_split_are_one_part(photos):
    report = check_folder(photos / "train", options=NO_NEAR)
    assert report.counts.parts == ("all",)
    assert report.counts.totals == (4,)
    shutil.copy(photos / "train/cat/cat_0.png", photos / "train/cat/cat_9.png")
    assert [found.kind for found in check_folder(photos / "train", options=NO_NEAR).findings] == [
        "copies"
    ]


@pytest.mark.filterwarnings("ignore:There are fewer training samples")
@pytest.mark.parametrize("seed", [42, 7])
def test_what_is_held_out_is_what_training_holds_out(photos, scene, seed):
    for number, index in enumerate(range(2, 9)):
        for place, label in enumerate(("cat", "dog")):
            path = photos / f"train/{label}/{label}_{index}.png"
            scene(100 + 2 * number + place).save(path)
    bunch = ImageDataBunch.from_folder(photos / "train", valid_pct=0.3, seed=seed)
    held = {bunch.valid_dl.describe(index) for index in range(bunch.valid_dl.n_samples)}
    copied = sorted(held)[0]
    shutil.copy(copied, f"{copied[:-4]}_again.png")  # one more name: the split is another one
    report = check_folder(photos / "train", valid_pct=0.3, seed=seed, options=NO_NEAR)
    bunch = ImageDataBunch.from_folder(photos / "train", valid_pct=0.3, seed=seed)
    assert report.counts.totals == (bunch.train_dl.n_samples, bunch.valid_dl.n_samples)
    sides = {
        (photos / "train" / name).as_posix()
        in {bunch.valid_dl.describe(i) for i in range(bunch.valid_dl.n_samples)}
        for name in report.findings[0].files
    }
    assert report.findings[0].kind == ("leak" if len(sides) == 2 else "copies")


def test_a_test_folder_is_a_third_part(photos, scene):
    (photos / "test").mkdir()
    shutil.copy(photos / "train/cat/cat_0.png", photos / "test/some.png")
    report = check_folder(photos, test="test", options=NO_NEAR)
    assert report.counts.parts == ("train", "valid", "test")
    assert report.counts.unlabelled == (0, 0, 1)
    assert [found.words for found in report.errors] == ["test/some.png = train/cat/cat_0.png"]


def test_labels_of_a_test_folder_count(photos, scene):
    (photos / "test" / "dog").mkdir(parents=True)
    shutil.copy(photos / "train/cat/cat_0.png", photos / "test/dog/some.png")
    report = check_folder(photos, test="test", options=NO_NEAR)
    assert [found.kind for found in report.findings] == ["leak", "conflict"]


def test_a_class_that_training_would_refuse_is_a_finding(photos):
    (photos / "valid/dog").rename(photos / "valid/wolf")
    report = check_folder(photos, options=NO_NEAR)
    assert [found.words for found in report.findings] == [
        "train has none of 'wolf'; there are 2 elsewhere",
        "valid has none of 'dog'; there are 2 elsewhere",
    ]


def test_hidden_files_are_not_seen(photos):
    (photos / ".quarantine/train/cat").mkdir(parents=True)
    (photos / "train/.hidden").mkdir()
    for place in (".quarantine/train/cat/1.jpg", "train/.hidden/1.jpg", "train/cat/.1.jpg"):
        (photos / place).write_bytes(b"")
    assert check_folder(photos, options=NO_NEAR).findings == ()


def test_a_folder_that_is_not_there_is_named_with_the_nearest(photos):
    with pytest.raises(DataError) as caught:
        check_folder(photos.parent / "photo")
    assert str(caught.value) == (
        f"Folder {photos.parent / 'photo'} does not exist. Did you mean 'photos'?"
    )


def test_half_of_a_split_is_refused_with_both_layouts(photos):
    (photos / "valid").rename(photos / "val")
    with pytest.raises(DataError) as caught:
        check_folder(photos)
    assert str(caught.value) == (
        f"Folder {photos} has no folder 'valid': found 2 folders (train, val). Did you mean "
        f"valid='val'? Expected {photos}/train/<class>/*.jpg and {photos}/valid/<class>/*.jpg, or "
        f"{photos}/<class>/*.jpg with valid_pct=0.2."
    )


def test_a_misspelt_option_names_the_nearest(photos):
    with pytest.raises(TypeError) as caught:
        check_folder(photos, vaild="val")
    assert str(caught.value) == "check_folder() has no argument 'vaild'. Did you mean 'valid'?"
