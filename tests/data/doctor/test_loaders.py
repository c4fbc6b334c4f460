"""``data.check()``: files where there are files, else batches."""

import shutil

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:There are fewer training samples")


def test_the_files_of_an_image_bunch_are_checked(photos, capsys):
    shutil.copy(photos / "valid/cat/cat_0.png", photos / "train/dog/copy.png")
    (photos / "train/cat/empty.png").write_bytes(b"")
    report = ImageDataBunch.from_folder(photos).check(near=None)
    assert report.root == photos
    assert report.title == "ImageDataBunch"
    assert [found.words for found in report.findings] == [
        "train/cat/empty.png cannot be read as an image: the file is empty (0 bytes).",
        "valid/cat/cat_0.png = train/dog/copy.png",
        "valid/cat/cat_0.png = train/dog/copy.png (labels cat, dog)",
    ]
    assert report.counts.counts == ((3, 2), (3, 2))
    assert capsys.readouterr().out == f"{report}\n"


def test_it_sees_what_check_folder_sees(photos):
    from learnkit.data.doctor.folders import check_folder

    shutil.copy(photos / "valid/cat/cat_0.png", photos / "train/dog/copy.png")
    by_bunch = ImageDataBunch.from_folder(photos, cache=None).check(show=False)
    by_folder = check_folder(photos)
    assert by_bunch.findings == by_folder.findings
    assert by_bunch.counts == by_folder.counts


def test_it_may_be_silent(photos, capsys):
    ImageDataBunch.from_folder(photos).check(near=None, show=False)
    assert capsys.readouterr().out == ""


def test_options_are_checked(photos):
    with pytest.raises(DataError) as caught:
        ImageDataBunch.from_folder(photos).check(near=500)
    assert str(caught.value) == (
        "near is the number of bits, from 0 to 128, in which the hashes of near duplicates may "
        "differ, or None: found 500."
    )
    with pytest.raises(TypeError) as misspelt:
        ImageDataBunch.from_folder(photos).check(min_sides=3)
    assert "Did you mean 'min_side'?" in str(misspelt.value)


def test_test_images_are_a_part_and_classes_keep_their_order(photos):
    (photos / "test").mkdir()
    shutil.copy(photos / "valid/cat/cat_0.png", photos / "test/1.png")
    data = ImageDataBunch.from_folder(photos, test="test", classes=["dog", "cat", "cow"])
    report = data.check(near=None, show=False)
    assert report.counts.classes == ("dog", "cat", "cow")
    assert report.counts.unlabelled == (0, 0, 1)
    assert [found.words for found in report.findings] == [
        "test/1.png = valid/cat/cat_0.png",
        "there is nothing of 'cow' at all",
    ]


def test_files_of_a_list_are_named_from_their_folder(photos):
    names = [f"{part}/cat/cat_{n}.png" for part in ("train", "valid") for n in range(2)]
    shutil.copy(photos / names[0], photos / names[3])
    data = ImageDataBunch.from_lists(photos, names, ["a", "b", "a", "b"], valid_pct=0.5)
    report = data.check(near=None, show=False)
    assert report.root == photos
    assert {name for found in report.of("leak", "conflict") for name in found.files} == {
        names[0],
        names[3],
    }


def test_a_file_elsewhere_keeps_its_whole_name(photos, tmp_path):
    elsewhere = tmp_path / "elsewhere.png"
    shutil.copy(photos / "train/cat/cat_0.png", elsewhere)
    names = ["cat/cat_0.png", "cat/cat_1.png", "dog/dog_0.png", str(elsewhere)]
    data = ImageDataBunch.from_lists(photos / "train", names, ["a", "b", "a", "b"], valid_pct=0.5)
    report = data.check(near=None, show=False)
    assert report.root == photos / "train"
    assert {name for found in report.findings for name in found.files} >= {elsewhere.as_posix()}


@pytest.fixture
def arrays():
    x = np.random.default_rng(0).normal(size=(20, 3, 8, 8)).astype(np.float32)
    return x, np.arange(20) % 2


def test_arrays_are_checked_by_their_numbers(arrays, capsys):
    x, y = arrays
    held = x[:4].copy()
    held[3, 0, 0, 0] = np.nan
    held[1:3] += 1
    sides = [
        TensorDataset(torch.from_numpy(a), torch.from_numpy(b)) for a, b in ((x, y), (held, y[:4]))
    ]
    data = DataBunch.from_dataset(*sides, classes=["0", "1"], batch_size=8)
    report = data.check()
    assert [(found.kind, found.severity, found.words) for found in report.findings] == [
        ("not finite", "error", "1 sample has NaN or infinity: valid sample 3"),
        ("leak", "error", "valid sample 0 = train sample 0"),
    ]
    assert report.root is None
    assert report.asides == ()
    assert capsys.readouterr().out.startswith("DataBunch: 24 samples of 2 classes\n\nclass ")


def test_equal_rows_of_few_numbers_are_a_warning_as_chance_makes_them():
    x = np.array([[0, 1], [1, 0], [0, 1], [0, 1]], np.float32)
    with pytest.warns(UserWarning, match="validation has no sample of it"):
        data = DataBunch.from_arrays(x[:3], np.array([0, 1, 1]), valid=(x[3:], np.array([0])))
    report = data.check(show=False)
    assert {found.kind: found.severity for found in report.findings} == {
        "leak": "warning",
        "conflict": "info",
        "missing class": "warning",
    }


def test_real_targets_have_no_classes_to_balance(arrays):
    x, _ = arrays
    data = DataBunch.from_arrays(x, np.linspace(0, 1, 20))
    report = data.check(show=False)
    assert report.findings == ()
    assert str(report).splitlines()[0] == "DataBunch: 20 samples"


def test_a_dataset_of_labels_without_a_class_is_an_error(arrays):
    x, y = arrays
    y = y.copy()
    y[5] = 7
    train = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    data = DataBunch.from_dataset(train, train, classes=["a", "b"])
    report = data.check(show=False, max_imbalance=1.0)
    assert report.of("label")[0].words == (
        "2 labels are outside 0 to 1: train sample 5 (7), valid sample 5 (7)"
    )
    assert len(report.of("leak")) == 20
    assert [found.words for found in report.of("imbalance")] == [
        "in train there are 10 of 'a', 1.1 times the 9 of 'b'"
    ]


def test_images_in_memory_are_checked_as_batches(arrays):
    x, y = arrays
    pixels = (np.abs(x) * 50).astype(np.uint8)
    train = TensorDataset(torch.from_numpy(pixels), torch.from_numpy(y))
    data = ImageDataBunch.from_dataset(train, train, classes=["a", "b"])
    report = data.check(show=False)
    assert {found.kind for found in report.findings} == {"leak"}
    assert {found.severity for found in report.findings} == {"error"}
