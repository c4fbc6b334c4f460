"""A point that is loaded comes back to its pixel, whatever the fitting."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.photo_points import points_in_pixels
from learnkit.errors import DataError


@pytest.mark.parametrize("resize", ["crop", "pad", "squish"])
@pytest.mark.parametrize("shape", [(30, 50), (50, 30)])
def test_points_of_a_picture_are_those_of_the_photo_again(tmp_path, resize, shape):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((*shape, 3), np.uint8)).save(tmp_path / name)
    places = [[4.0, 28.5, 20.0, 10.0], [25.0, 15.0, 1.0, 2.0]]
    data = ImageDataBunch.from_lists(
        tmp_path,
        ["a.png", "b.png"],
        places,
        task="points",
        size=(24, 16),
        resize=resize,
        batch_size=1,
        tfms=None,
        valid_pct=0.5,
        num_workers=0,
    )
    y = data.one_batch(train=False).y
    name = data.valid_dl.source.describe(0)
    pixels = points_in_pixels(y.reshape(-1, 2), name, data)
    expected = places["b.png" in name]
    torch.testing.assert_close(pixels, torch.tensor(expected).reshape(-1, 2), atol=1e-4, rtol=0)


def test_what_is_no_points_is_refused(tmp_path):
    with pytest.raises(DataError) as error:
        points_in_pixels(torch.zeros(4), tmp_path / "a.png", SimpleNamespace(size=(8, 8)))
    assert str(error.value) == (
        "Points must be a tensor (P, 2), as learn.predict(photo).value is; found (4,)."
    )
