from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from learnkit.data.caches import Caches
from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.loader import ImageLoader
from learnkit.data.mask_codes import MaskCodes
from learnkit.data.moving_masks import MovingMasks, nearest
from learnkit.data.source import FileSource
from learnkit.errors import DataError
from tests.data.moving_pictures import agreement, picture_of, regions, write_pair

THREE = MaskCodes(("a", "b", "c"), ((0, 0), (1, 1), (2, 2)))
SIZES = ((40, 56), (300, 220), (90, 400), (64, 64), (401, 399))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for place, size in enumerate(SIZES):
        write_pair(folder, str(place), size, place)
    return folder


def loader(folder: Path, names: Any = None, codes: MaskCodes = THREE, **options: Any) -> Any:
    names = names or [f"{place}.png" for place in range(len(SIZES))]
    masks = [f"{Path(name).stem}.png" for name in names]
    given: dict[str, Any] = {"size": (48, 48), "num_workers": 2, "errors": "raise"} | options
    return ImageLoader(
        FileSource(folder / "images", names),
        np.zeros(len(names), np.int64),
        moving=MovingMasks(FileSource(folder / "masks", masks), codes),
        **given,
    )


CROP = {"crop": RandomResizedCrop(0.2), "shuffle": True}


@pytest.mark.parametrize(
    ("options", "at_least"),
    [
        ({"resize": "crop"}, 0.999),
        ({"resize": "pad"}, 0.999),
        ({"resize": "squish"}, 0.999),
        ({"resize": "crop", "size": (40, 72)}, 0.999),
        ({"resize": "pad", "size": (40, 72)}, 0.999),
        (CROP, 0.999),
        ({**CROP, "size": (30, 60)}, 0.999),
        ({**CROP, "cache": None}, 0.999),
    ],
)
def test_a_picture_that_is_its_mask_stays_so_however_it_is_fitted_or_cropped(
    folder: Path, options: dict[str, Any], at_least: float
) -> None:
    made = loader(folder, **options)
    for epoch in range(4):
        for one in made.batches(epoch):
            assert one.batch.y.dtype == torch.uint8
            assert one.batch.y.shape == (len(one.indices), *one.batch.x.shape[2:])
            pure, right = agreement(one.batch.x, one.batch.y)
            assert pure > 0.75
            assert right > at_least


def test_masks_do_not_depend_on_threads_and_caches(folder: Path) -> None:
    expected = [one.batch.y for one in loader(folder, batch_size=2, **CROP).batches(3)]
    for options in ({"num_workers": 0}, {"cache": None}, {"cache": Caches("ram"), "prefetch": 7}):
        made = loader(folder, batch_size=2, **CROP, **options)
        list(made.batches(0))
        found = [one.batch.y for one in made.batches(3)]
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_mask_of_a_photo_that_lies_on_its_side_is_as_people_see_it(tmp_path: Path) -> None:
    mask = regions(120, 200, 3)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter to the right for looking at
    stored = Image.fromarray(np.rot90(picture_of(mask)))
    stored.save(tmp_path / "images" / "0.jpg", exif=exif, quality=97, subsampling=0)
    Image.fromarray(mask).save(tmp_path / "masks" / "0.png")
    for options in ({}, CROP):
        (one,) = loader(tmp_path, ["0.jpg"], **options).batches(0)
        pure, right = agreement(one.batch.x, one.batch.y)
        assert pure > 0.5
        assert right > 0.999
    Image.fromarray(np.rot90(mask)).save(tmp_path / "masks" / "0.png")
    with pytest.raises(DataError) as refused:
        list(loader(tmp_path, ["0.jpg"]).batches(0))
    assert str(refused.value) == (
        f"The mask {tmp_path / 'masks' / '0.png'} has 120 x 200 pixels, its photo 200 x 120. It "
        "fits the photo as its file holds it, before EXIF turns it upright: turn the mask."
    )


def test_a_mask_of_another_shape_than_its_photo_is_refused_and_a_smaller_one_is_not(
    tmp_path: Path,
) -> None:
    write_pair(tmp_path, "0", (80, 100), 1)
    path = tmp_path / "masks" / "0.png"
    small = Image.open(path).resize((51, 40), Image.Resampling.NEAREST)
    small.save(path)
    (one,) = loader(tmp_path, ["0.png"]).batches(0)
    assert agreement(one.batch.x, one.batch.y)[1] > 0.95
    small.crop((0, 0, 40, 40)).save(path)
    with pytest.raises(DataError) as refused:
        list(loader(tmp_path, ["0.png"]).batches(0))
    assert str(refused.value) == (
        f"The mask {path} has 40 x 40 pixels, its photo 100 x 80. A mask covers its whole photo, "
        "in its size or in a smaller one of its aspect."
    )


def test_a_photo_whose_mask_cannot_be_read_is_left_out_with_a_warning(tmp_path: Path) -> None:
    for place in range(4):
        write_pair(tmp_path, str(place), (60, 60), place)
    (tmp_path / "masks" / "2.png").unlink()
    names = [f"{place}.png" for place in range(4)]
    made = loader(tmp_path, names, errors="skip", batch_size=2)
    missing = tmp_path / "masks" / "2.png"
    with pytest.warns(UserWarning, match=r"An image is left out: .*2\.png cannot be read"):
        batches = list(made.batches(0))
    assert [one.indices.tolist() for one in batches] == [[0, 1], [3]]
    assert [len(one.batch.y) for one in batches] == [2, 1]
    assert made.skipped[2] == f"{missing} cannot be read as an image: the file does not exist."
    assert [one.indices.tolist() for one in made.batches(0, start=1)] == [[3]]


def test_a_number_that_is_no_class_is_refused_with_the_masks_name(tmp_path: Path) -> None:
    write_pair(tmp_path, "0", (60, 60), 0)
    two = MaskCodes(("a", "b"), ((0, 0), (1, 1)))
    with pytest.raises(DataError, match=r"0\.png holds 2, which is no class"):
        list(loader(tmp_path, ["0.png"], two).batches(0))


def test_there_are_as_many_masks_as_photos(folder: Path) -> None:
    masks = MovingMasks(FileSource(folder / "masks", ["0.png"]), THREE)
    with pytest.raises(DataError, match=r"^There are 2 images, but 1 targets\.$"):
        ImageLoader(FileSource(folder / "images", ["0.png", "1.png"]), np.zeros(2), moving=masks)


def test_what_decides_the_batches_knows_masks_and_their_classes(folder: Path) -> None:
    first = loader(folder).identity
    assert first == loader(folder).identity
    other = MaskCodes(("c", "b", "a"), ((2, 0), (1, 1), (0, 2)))
    assert first != loader(folder, codes=other).identity
    plain = ImageLoader(FileSource(folder / "images", ["0.png"]), np.zeros(1))
    assert "targets" not in plain.identity
    assert plain.moving is None


def test_nearest_takes_the_value_at_the_middle_of_each_pixel() -> None:
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(nearest(mask, (3, 4)), mask)
    assert np.array_equal(nearest(mask, (1, 2)), [[5, 7]])
    assert np.array_equal(nearest(mask, (6, 8))[::2, 1::2], mask)


def test_a_mask_that_is_far_larger_than_any_crop_is_kept_small(tmp_path: Path) -> None:
    write_pair(tmp_path, "0", (700, 900), 0)
    made = loader(tmp_path, ["0.png"], **CROP, size=(32, 32))
    pure = [agreement(one.batch.x, one.batch.y) for e in range(5) for one in made.batches(e)]
    assert min(right for _, right in pure) > 0.97
    kept = made._targets._open().get(0, made._targets._files.stamp(0))
    assert kept is not None
    assert min(kept.shape) == 74
