"""same_images: photos on both sides of a split."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.loader import ImageLoader
from learnkit.data.source import ItemSource
from learnkit.sanity import images
from learnkit.sanity.images import same_images


def data_of(folder: Path) -> ImageDataBunch:
    return ImageDataBunch.from_folder(folder, size=16, batch_size=6)


def found(folder: Path) -> str | None:
    data = data_of(folder)
    return same_images(data.train_dl, data.valid_dl)


def test_photos_of_one_side_only_are_none(photo_folder: Path) -> None:
    assert found(photo_folder) is None


def test_photos_of_both_sides_are_named(photo_folder: Path) -> None:
    train, valid = photo_folder / "train", photo_folder / "valid"
    shutil.copy(train / "red" / "red_0.jpg", valid / "red" / "again.jpg")
    shutil.copy(train / "blue" / "blue_3.jpg", valid / "green" / "blue.jpg")
    assert found(photo_folder) == (
        f"2 of 8 validation images are in training too, byte for byte: "
        f"{valid / 'green' / 'blue.jpg'} is {train / 'blue' / 'blue_3.jpg'} and "
        f"{valid / 'red' / 'again.jpg'} is {train / 'red' / 'red_0.jpg'}. They make the numbers of "
        "validation look better than they are. Remove them from one side; `learnkit doctor FOLDER` "
        "lists them all."
    )


def test_too_many_files_are_not_compared(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(photo_folder / "train/red/red_0.jpg", photo_folder / "valid/red/again.jpg")
    monkeypatch.setattr(images, "MAX_FILES", 17)  # there are 18 on one side
    assert found(photo_folder) is None


def test_reading_ends_where_it_would_take_long(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(photo_folder / "train/red/red_0.jpg", photo_folder / "valid/red/again.jpg")
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    assert found(photo_folder) is None


def test_photos_in_memory_and_other_loaders_are_not_compared(photo_folder: Path) -> None:
    pixels = [np.zeros((8, 8, 3), np.uint8)] * 4
    loader = ImageLoader(ItemSource(pixels), np.zeros(4, np.int64), size=(8, 8))
    assert same_images(loader, loader) is None
    assert same_images(data_of(photo_folder).train_dl, None) is None
