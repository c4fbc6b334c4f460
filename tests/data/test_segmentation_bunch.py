import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from learnkit.data.segmentation_bunch import SegmentationDataBunch
from learnkit.data.splitters import grouped_splitter
from learnkit.errors import DataError
from tests.data.moving_pictures import agreement, write_pair

NAMES = ["sky", "road", "car"]


@pytest.fixture
def pairs(tmp_path):
    """Twenty photos that are their masks."""
    for place in range(20):
        write_pair(tmp_path / "pairs", f"{place:02}", (40, 48), place)
    return tmp_path / "pairs"


def made(path, **options):
    given = {"classes": NAMES, "size": 32, "bs": 4, "num_workers": 0} | options
    return SegmentationDataBunch.from_folders(path, **given)


def test_photos_and_masks_of_one_name_belong_together(pairs):
    data = made(pairs)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (16, 4)
    assert data.classes == ("sky", "road", "car")
    x, y = data.one_batch()
    assert y.dtype == torch.uint8
    assert y.shape == (4, 32, 32)
    assert agreement(x, y)[1] == 1.0
    assert data.task.moves == "mask"
    assert data.task.ignore_index is None
    assert repr(data).splitlines()[0] == "SegmentationDataBunch of 3 classes: sky, road, car"


def test_a_mask_may_lie_in_folders_of_its_own_or_in_none(pairs):
    for place in range(20):
        folder = pairs / "images" / ("a" if place % 2 else "b")
        folder.mkdir(exist_ok=True)
        (pairs / "images" / f"{place:02}.png").rename(folder / f"{place:02}.png")
    data = made(pairs)
    x, y = data.one_batch()
    assert agreement(x, y)[1] == 1.0


def test_numbers_that_masks_hold_are_the_classes_where_none_are_given(pairs):
    data = made(pairs, classes=None)
    assert data.classes == ("0", "1", "2")
    few = made(pairs, classes=None, ignore=1)
    assert few.classes == ("0", "2")
    assert few.task.ignore_index == 255
    assert set(few.one_batch().y.unique().tolist()) <= {0, 1, 255}


def test_values_name_numbers(pairs):
    data = made(pairs, classes=None, values={2: "car", 0: "rest", 1: "rest"})
    assert data.classes == ("car", "rest")
    plain, named = made(pairs).one_batch(), data.one_batch()
    assert torch.equal(named.y, (plain.y != 2).to(torch.uint8))


def test_what_is_held_out_may_be_a_folder_or_what_a_function_says(pairs):
    by_func = made(pairs, valid=lambda photo: photo.stem < "05")
    assert by_func.valid_dl.n_samples == 5
    assert by_func.split == "by the function valid"
    for part in ("images", "masks"):
        (pairs / part / "late").mkdir()
        for place in range(14, 20):
            name = f"{place:02}.png"
            (pairs / part / name).rename(pairs / part / "late" / name)
    by_folder = made(pairs, valid="late")
    assert by_folder.valid_dl.n_samples == 6
    assert by_folder.valid_dl.describe(0) == str(pairs / "images" / "late" / "14.png")
    assert by_folder.split == "by the folder 'late'"


def test_a_function_finds_masks_of_other_names(pairs):
    for mask in (pairs / "masks").glob("*.png"):
        mask.rename(mask.with_name(f"{mask.stem}_P.png"))
    photos = sorted((pairs / "images").glob("*.png"))
    data = SegmentationDataBunch.from_label_func(
        pairs, photos, lambda photo: f"masks/{photo.stem}_P.png", classes=NAMES, size=32, bs=4
    )
    assert agreement(*data.one_batch())[1] == 1.0
    with pytest.raises(DataError) as refused:
        SegmentationDataBunch.from_label_func(pairs, photos, lambda photo: photo.stem)
    assert str(refused.value) == (
        f"20 masks (00, 01, 02, ...) that label_func names do not exist in {pairs}. It is given "
        "the path of a photo and returns that of its mask."
    )
    with pytest.raises(DataError) as refused:
        SegmentationDataBunch.from_label_func(pairs, photos, lambda photo: photo.mask)
    assert str(refused.value).startswith(f"label_func failed on {photos[0]}: AttributeError: ")
    with pytest.raises(DataError, match=r"^There are no photos: the list of files is empty\.$"):
        SegmentationDataBunch.from_label_func(pairs, [], lambda photo: photo)


def test_without_a_list_all_photos_are_taken_and_no_mask(pairs, tmp_path):
    data = SegmentationDataBunch.from_label_func(
        pairs, None, lambda photo: f"masks/{photo.stem}.png", classes=NAMES, size=32, bs=4
    )
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (16, 4)
    assert agreement(*data.one_batch())[1] == 1.0
    named = [loader.describe(i) for loader in (data.train_dl, data.valid_dl) for i in range(4)]
    assert {str(pairs / "images")} == {name.rpartition("/")[0] for name in named}
    apart = SegmentationDataBunch.from_label_func(
        pairs / "images", None, lambda photo: pairs / "masks" / photo.name, size=32, bs=4
    )
    assert (apart.train_dl.n_samples, apart.valid_dl.n_samples) == (16, 4)


def test_a_folder_without_photos_is_no_place_to_look_for_them(tmp_path):
    with pytest.raises(DataError) as refused:
        SegmentationDataBunch.from_label_func(tmp_path, None, lambda photo: photo)
    assert str(refused.value) == f"There are no photos in {tmp_path}: found nothing."


def test_a_photo_without_a_mask_is_named(pairs):
    (pairs / "masks" / "03.png").unlink()
    with pytest.raises(DataError) as refused:
        made(pairs)
    assert str(refused.value) == (
        f"There is no mask in {pairs / 'masks'} for 1 photo (03.png): a mask is named as its "
        "photo, 03.png, and the folder holds 19 images (00.png, 01.png, 02.png, ...). "
        "SegmentationDataBunch.from_label_func takes any other names."
    )


def test_a_photo_with_two_masks_is_named(pairs):
    shutil.copy(pairs / "masks" / "03.png", pairs / "masks" / "03.tif")
    with pytest.raises(DataError) as refused:
        made(pairs)
    assert str(refused.value) == (f"03.png has 2 masks (03.png, 03.tif) in {pairs / 'masks'}.")


def test_a_folder_that_is_missing_or_empty_is_named(pairs, tmp_path):
    with pytest.raises(DataError) as refused:
        made(pairs, masks="mask")
    assert str(refused.value) == (
        f"Folder {pairs / 'mask'} does not exist. Did you mean 'masks'? Expected photos in "
        f"'images' and masks in 'mask' below {pairs}."
    )
    (pairs / "none").mkdir()
    with pytest.raises(DataError) as refused:
        made(pairs, images="none")
    assert str(refused.value) == f"There are no images in {pairs / 'none'}: found nothing."


def test_a_number_that_is_no_class_is_said_before_training(pairs):
    with pytest.raises(DataError, match=r"00\.png holds 2, which is no class: there are 0 sky"):
        made(pairs, classes=NAMES[:2])


def test_a_mask_that_is_no_image_is_left_out_with_a_warning(pairs):
    (pairs / "masks" / "03.png").write_bytes(b"")
    data = made(pairs, valid=lambda photo: photo.stem > "14")
    with pytest.warns(UserWarning, match=r"An image is left out: .*03\.png cannot be read"):
        loaded = sum(len(one.indices) for one in data.train_dl.batches(0))
    assert loaded == 14


def test_ways_to_hold_out_exclude_each_other_and_leave_both_sides_some(pairs):
    with pytest.raises(DataError, match=r"^valid and valid_pct=0\.5 were both given: give one\.$"):
        made(pairs, valid="late", valid_pct=0.5)
    with pytest.raises(DataError) as refused:
        made(pairs, valid="late")
    assert str(refused.value) == ("Of 20 photos none lie in a folder 'late'; both sides need some.")


def test_a_batch_is_drawn_with_its_masks(pairs, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    made(pairs).show_batch(4, path=tmp_path / "batch.png")
    with Image.open(tmp_path / "batch.png") as picture:
        assert picture.width > 300
    with pytest.raises(DataError, match=r"^show_batch draws at least 1 image: found n=0\.$"):
        made(pairs).show_batch(0)


def test_the_check_looks_at_photos_and_finds_no_fault_in_their_labels(pairs):
    rng = np.random.default_rng(0)
    for photo in (pairs / "images").glob("*.png"):
        Image.fromarray(rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(photo)
    report = made(pairs).check(show=False, near=None)
    assert not report.findings


def test_the_same_seed_gives_the_same_batches_and_another_size_of_batch_is_another(pairs):
    first, again, other = made(pairs), made(pairs), made(pairs, seed=1)
    assert torch.equal(first.one_batch().y, again.one_batch().y)
    assert first.train_dl.identity == again.train_dl.identity != other.train_dl.identity
    assert made(pairs, bs=None).train_dl.batch_size == 16
    assert made(pairs, bs=None, batch_size=8).train_dl.batch_size == 8


def test_frames_of_one_film_stay_on_one_side(pairs):
    by_film = grouped_splitter(lambda photo: photo.stem[0], 0.5)  # 00 to 09, and 10 to 19
    data = made(pairs, split=by_film)
    held = {data.valid_dl.describe(i).rsplit("/")[-1][0] for i in range(10)}
    assert (data.train_dl.n_samples, len(held)) == (10, 1)
    assert data.split.startswith("whole groups, ")
    assert made(pairs, split=(range(16), [18, 19])).valid_dl.n_samples == 2
    with pytest.raises(DataError, match=r"^split and valid were both given: give one\.$"):
        made(pairs, split=by_film, valid="late")


def test_what_is_held_out_is_told_by_a_name_or_a_function(pairs):
    with pytest.raises(DataError) as refused:
        made(pairs, valid=["00.png"])
    assert str(refused.value) == (
        "valid must be the name of a folder, or a function of a photo's path: found list. "
        "split=(train, valid) takes places."
    )
    with pytest.raises(DataError) as refused:
        made(pairs, valid=lambda photo: photo.late)
    assert str(refused.value).startswith(
        f"The function valid failed on {pairs / 'images' / '00.png'}: AttributeError: "
    )
