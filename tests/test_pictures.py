"""Pictures in one form, and many of them as one file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from learnkit.errors import ModelError
from learnkit.picture_grid import picture_grid, save_grid
from learnkit.pictures import as_pictures


def test_pictures_get_their_channel_and_become_floats_in_their_range() -> None:
    raw = torch.tensor([[[0, 51], [102, 255]]], dtype=torch.uint8)
    expected = torch.tensor([[[[0.0, 0.2], [0.4, 1.0]]]])
    torch.testing.assert_close(as_pictures(raw), expected)
    torch.testing.assert_close(as_pictures(raw[:, None]), expected)
    assert as_pictures(expected) is expected
    assert as_pictures(expected.double()).dtype == torch.float64


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5, 6)])
def test_what_is_no_picture_is_refused(shape: Any) -> None:
    with pytest.raises(ModelError) as caught:
        as_pictures(torch.zeros(shape))
    assert str(caught.value) == (f"pictures (B, C, H, W) or (B, H, W) are needed; found {shape}.")


def test_a_grid_has_each_picture_enlarged_at_its_place() -> None:
    pictures = torch.rand(5, 1, 24, 16, generator=torch.Generator().manual_seed(0))
    grid = np.asarray(picture_grid(pictures))
    assert grid.shape == (2 * 50 + 2, 3 * 34 + 2, 3)
    last = grid[52:100, 36:68]  # the fifth: second row, second column
    expected = (pictures[4, 0] * 255).round().byte().numpy().repeat(2, 0).repeat(2, 1)
    assert (last == expected[..., None]).all()
    assert (grid[52:, 70:] == 255).all()  # nothing where a sixth would be


def test_large_pictures_keep_their_size_and_colours_theirs(tmp_path: Path) -> None:
    pictures = torch.zeros(2, 3, 60, 50)
    pictures[1, 0] = 1.0
    path = save_grid(pictures, tmp_path / "new" / "grid.png", columns=2)
    with Image.open(path) as image:
        assert image.size == (2 * 52 + 2, 64)
        assert image.getpixel((3, 3)) == (0, 0, 0)
        assert image.getpixel((60, 3)) == (255, 0, 0)


@pytest.mark.parametrize("shape", [(0, 1, 2, 2), (2, 2)])
def test_no_picture_is_no_grid(shape: Any) -> None:
    with pytest.raises(ValueError) as caught:
        picture_grid(torch.zeros(shape))
    assert str(caught.value) == f"pictures must be (N, C, H, W), N > 0; found {shape}."
