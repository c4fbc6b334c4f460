from typing import Any

import numpy as np
import pytest

from learnkit.data.caches import Caches
from learnkit.data.geometry import RandomResizedCrop, crop_into, fit_image, shrink
from learnkit.data.pixels import RGB
from learnkit.data.prepared import PreparedImages
from learnkit.errors import DataError

SIZE = (16, 24)


class Drawn:
    """Images of 80 x 120 drawn from their index; the last cannot be read."""

    key = "drawn"

    def __init__(self) -> None:
        self.loads: list[tuple[int, int]] = []
        self.stamps = [1, 1, 1]

    def __len__(self) -> int:
        return 3

    def describe(self, index: int) -> str:
        return f"image {index}"

    def stamp(self, index: int) -> int:
        return self.stamps[index]

    def load(self, index: int, min_short: int) -> RGB:
        self.loads.append((index, min_short))
        if index == 2:
            raise DataError("image 2 is broken.")
        rng = np.random.default_rng((index, self.stamps[index]))
        return rng.integers(0, 256, (80, 120, 3), dtype=np.uint8)


def prepared(source: Any, *, crop: RandomResizedCrop | None, cache: Any = "ram") -> PreparedImages:
    return PreparedImages(source, SIZE, resize="squish", crop=crop, caches=Caches(cache))


def test_without_a_crop_the_fitted_image_is_kept() -> None:
    source = Drawn()
    images = prepared(source, crop=None)
    image = shrink(Drawn().load(0, 28), 28)
    expected = fit_image(image, SIZE, "squish")
    np.testing.assert_array_equal(images.get(0), expected)
    out = np.empty((*SIZE, 3), np.uint8)
    images.put_into(out, 0, ())
    np.testing.assert_array_equal(out, expected)
    assert source.loads == [(0, 28)]  # 8/7 of the longer side, and once


def test_for_a_crop_the_shrunk_image_is_kept() -> None:
    source, crop = Drawn(), RandomResizedCrop()
    images = prepared(source, crop=crop)
    shrunk = shrink(Drawn().load(1, 28), 28)
    np.testing.assert_array_equal(images.get(1), shrunk)
    for draws in ([0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6]):
        draws = [*draws, *draws, *draws][: len(draws) * 3]
        out, expected = np.empty((*SIZE, 3), np.uint8), np.empty((*SIZE, 3), np.uint8)
        images.put_into(out, 1, draws)
        crop_into(expected, shrunk, crop.box(*shrunk.shape[:2], draws, aspect=24 / 16))
        np.testing.assert_array_equal(out, expected)
    assert len(source.loads) == 1


def test_without_a_cache_each_question_is_read_again() -> None:
    source = Drawn()
    images = prepared(source, crop=None, cache=None)
    np.testing.assert_array_equal(images.get(0), images.get(0))
    assert len(source.loads) == 2


def test_an_image_that_changed_is_read_again() -> None:
    source = Drawn()
    images = prepared(source, crop=None)
    before = images.get(0).copy()
    source.stamps[0] = 2
    assert not np.array_equal(images.get(0), before)
    assert len(source.loads) == 2


def test_what_cannot_be_read_says_so_each_time() -> None:
    images = prepared(Drawn(), crop=None)
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            images.get(2)
        assert str(caught.value) == "image 2 is broken."
