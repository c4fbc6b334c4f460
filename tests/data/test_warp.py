import math

import pytest
import torch

from learnkit.data.warp import identities, rotations, sampling_grid, warps, zooms


def at(maps: torch.Tensor, x: float, y: float) -> list[float]:
    place = maps[0] @ torch.tensor([x, y, 1.0], dtype=torch.float64)
    return (place[:2] / place[2]).tolist()


def one(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


def close(found: list[float], expected: list[float]) -> None:
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_quarter_turn_takes_corners_to_corners() -> None:
    close(at(rotations(one(math.pi / 2), 1.0), 1, 1), [-1, 1])
    close(at(rotations(one(math.pi / 2), 1.0), 0, 0), [0, 0])


def test_a_turn_keeps_lengths_in_pixels_when_the_image_is_not_square() -> None:
    """With width 2 and height 1 in pixels, (1, 0) is one pixel from the centre, (0, 1) a half."""
    x, y = at(rotations(one(0.3), 2.0), 1, 0)
    close([math.hypot(x * 2, y * 1)], [2.0])


def test_zooming_looks_at_its_centre_and_never_outside() -> None:
    centre = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    close(at(zooms(one(2.0), centre), 1, -1), [1, -1])
    close(at(zooms(one(2.0), centre), -1, 1), [0, 0])


def test_no_magnitude_is_no_tilt() -> None:
    torch.testing.assert_close(warps(torch.zeros(3, 4, dtype=torch.float64)), identities(3))


def test_a_tilt_takes_the_moved_corners_to_the_corners_of_the_original() -> None:
    """The corners are those of fastai v1's ``_symmetric_warp``."""
    top, bottom, left, right = 0.1, -0.2, 0.05, 0.15
    maps = warps(torch.tensor([[top, bottom, left, right]], dtype=torch.float64))
    close(at(maps, -1 - right, -1 - bottom), [-1, -1])
    close(at(maps, -1 - left, 1 + bottom), [-1, 1])
    close(at(maps, 1 + right, -1 - top), [1, -1])
    close(at(maps, 1 + left, 1 + top), [1, 1])


def test_the_grid_of_no_change_is_torchs_own() -> None:
    expected = torch.nn.functional.affine_grid(
        torch.eye(2, 3)[None], [1, 3, 5, 7], align_corners=False
    )
    found = sampling_grid(identities(1), 5, 7, torch.device("cpu"))
    torch.testing.assert_close(found, expected)
