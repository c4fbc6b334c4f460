from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.loader import ImageLoader
from learnkit.data.moving import MovingPoints
from learnkit.data.source import FileSource, ItemSource
from learnkit.errors import DataError
from tests.data.moving_pictures import off_by

SIZES = ((200, 300), (64, 64), (150, 90))
AT = ((0.3, 0.55), (0.6, 0.4))


@pytest.fixture
def marked(tmp_path: Path) -> tuple[FileSource, np.ndarray[Any, Any]]:
    """Photos with a red and a green square on black, and where the middles of these are."""
    names, points = [], []
    for place, (height, width) in enumerate(SIZES):
        pixels = np.zeros((height, width, 3), np.uint8)
        for channel, (down, across) in enumerate(AT):
            y, x = round(down * height), round(across * width)
            reach = max(2, round(min(height, width) * 0.03))
            pixels[y - reach : y + reach, x - reach : x + reach, channel] = 255
            points.append((x, y))
        Image.fromarray(pixels).save(tmp_path / f"{place}.png")
        names.append(f"{place}.png")
    return FileSource(tmp_path, names), np.array(points, dtype=np.float64).reshape(-1, 4)


@pytest.mark.parametrize(
    "options",
    [
        {"resize": "crop"},
        {"resize": "pad"},
        {"resize": "squish"},
        {"resize": "crop", "size": (60, 80)},
        {"resize": "pad", "size": (60, 80)},
        {"crop": RandomResizedCrop(0.6)},
        {"crop": RandomResizedCrop(0.6), "size": (60, 80)},
    ],
)
def test_points_stay_on_what_they_mark(
    marked: tuple[FileSource, Any], options: dict[str, Any]
) -> None:
    source, points = marked
    given = {"size": (64, 64), "num_workers": 0} | options
    made = ImageLoader(source, points, moving=MovingPoints(points), **given)
    seen = 0
    for epoch in range(6):
        for one in made.batches(epoch):
            y = one.batch.y
            assert y.dtype == torch.float32
            assert y.shape == (3, 4)
            for place in range(3):
                for mark in range(2):
                    point = y[place, 2 * mark : 2 * mark + 2]
                    if point.abs().max() < 0.8:  # elsewhere the mark may be cut off
                        assert off_by(one.batch.x[place, mark], point) < 1.0
                        seen += 1
    assert seen > 20


def test_points_of_a_photo_that_lies_on_its_side_count_from_its_upper_left_as_seen(
    tmp_path: Path,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(tmp_path / "0.jpg", exif=exif)
    points = np.array([[0.0, 80.0]])
    made = ImageLoader(
        FileSource(tmp_path, ["0.jpg"]), points, moving=MovingPoints(points), resize="squish"
    )
    assert next(iter(made)).y.tolist() == [[-1.0, 1.0]]


def test_points_that_are_missing_stay_missing(marked: tuple[FileSource, Any]) -> None:
    source, points = marked
    points[1, :2] = np.nan
    made = ImageLoader(source, points, moving=MovingPoints(points.reshape(-1, 2, 2)))
    y = next(iter(made)).y
    assert y.isnan().tolist() == [[False] * 4, [True, True, False, False], [False] * 4]


@pytest.mark.parametrize("points", [np.zeros((3, 3)), np.zeros(4), np.array([["a", "b"]])])
def test_what_are_no_points_is_refused(points: Any) -> None:
    with pytest.raises(DataError, match=r"^Points must be numbers \(N, 2 P\) or \(N, P, 2\)"):
        MovingPoints(points)


def test_points_need_photos_whose_sizes_can_be_read() -> None:
    source = ItemSource([np.zeros((4, 4, 3), np.uint8)])
    with pytest.raises(DataError) as refused:
        ImageLoader(source, np.zeros((1, 2)), moving=MovingPoints(np.zeros((1, 2))))
    assert str(refused.value) == (
        "Masks and points need photos that are files, whose sizes can be read; found ItemSource."
    )


def test_the_digest_is_that_of_the_points() -> None:
    assert MovingPoints(np.ones((2, 4))).digest == MovingPoints(np.ones((2, 2, 2))).digest
    assert MovingPoints(np.ones((2, 4))).digest != MovingPoints(np.zeros((2, 4))).digest
