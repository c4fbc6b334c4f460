"""SeenData: each set of data is looked at once, however many fits there are on it."""

import shutil
from pathlib import Path

import numpy as np
import torch

from learnkit.data.image_bunch import ImageDataBunch
from learnkit.sanity.seen import SeenData


def copied(folder: Path) -> ImageDataBunch:
    shutil.copy(folder / "train/red/red_0.jpg", folder / "valid/red/again.jpg")
    return ImageDataBunch.from_folder(folder, size=16, batch_size=6)


def test_files_are_compared_once_for_each_pair_of_loaders(photo_folder: Path) -> None:
    data, seen = copied(photo_folder), SeenData(())
    seen.begin(data.train_dl, data.valid_dl)
    assert seen.same_images() is not None
    assert seen.same_images() is None
    seen.begin(data.train_dl, data.valid_dl)
    assert seen.same_images() is None
    seen.begin(data.valid_dl, data.train_dl)
    assert seen.same_images() is not None


def test_labels_are_those_of_one_pair_of_loaders(photo_folder: Path) -> None:
    data, seen = copied(photo_folder), SeenData(("a", "b"))
    seen.begin(data.train_dl, data.valid_dl)
    assert seen.labels.batch_size == 6
    seen.labels.add(0, torch.tensor([0, 1]), torch.zeros(2, 2), np.arange(2))
    seen.labels.fold(train=True)
    counted = seen.labels.state_dict()["train"]
    assert counted == [[0, 1], [1, 1]]
    assert seen.labels.state_dict()["numbers"] != [0, 0, -1, -1]
    seen.begin(data.train_dl, data.valid_dl)
    assert seen.labels.state_dict()["train"] == counted
    assert seen.labels.state_dict()["numbers"] == [0, 0, -1, -1]  # of an epoch that begins
    seen.begin(data.train_dl, None)
    assert seen.labels.state_dict()["train"] == []


def test_its_state_makes_the_round_trip(photo_folder: Path) -> None:
    data, seen, other = copied(photo_folder), SeenData(()), SeenData(())
    for each in (seen, other):
        each.begin(data.train_dl, data.valid_dl)
    seen.same_images()
    other.load_state_dict(seen.state_dict())
    assert other.state_dict() == seen.state_dict()
    assert other.same_images() is None
