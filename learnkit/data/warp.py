"""The matrices behind rotation, zoom and perspective, one for each sample.

A matrix float64 (3, 3) maps a place in the result, in homogeneous coordinates with the image in
[-1, 1] x [-1, 1], to the place in the original whose colour it takes. The formulas are fastai v1's
(``vision/transform.py``: ``_rotate``, ``_zoom``, ``_find_coeffs``, ``_symmetric_warp``).
"""

import torch
from torch import Tensor

_CORNERS = ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0))


def identities(n: int) -> Tensor:
    """Return ``n`` maps that change nothing: float64 (n, 3, 3)."""
    return torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)


def mirrorings(across: Tensor, down: Tensor) -> Tensor:
    """Mirror left and right where ``across`` is True, top and bottom where ``down`` is: (B,)."""
    maps = identities(len(across))
    maps[across, 0, 0] = -1.0
    maps[down, 1, 1] = -1.0
    return maps


def exchanges(chosen: Tensor) -> Tensor:
    """Exchange rows and columns where ``chosen`` (B,) is True."""
    maps = identities(len(chosen))
    maps[chosen] = maps[chosen][:, [1, 0, 2]]
    return maps


def rotations(angles: Tensor, aspect: float) -> Tensor:
    """Turn by ``angles`` (B,) radians; ``aspect`` is width / height, so that circles stay round."""
    maps = identities(len(angles))
    maps[:, 0, 0] = maps[:, 1, 1] = torch.cos(angles)
    maps[:, 0, 1] = -torch.sin(angles) / aspect
    maps[:, 1, 0] = torch.sin(angles) * aspect
    return maps


def zooms(factors: Tensor, centres: Tensor) -> Tensor:
    """Magnify by ``factors`` (B,), looking at ``centres`` (B, 2) in [-1, 1].

    At -1 or 1 the border of the result is the border of the original; it never looks outside.
    """
    maps = identities(len(factors))
    maps[:, 0, 0] = maps[:, 1, 1] = 1 / factors
    maps[:, :2, 2] = (1 - 1 / factors)[:, None] * centres
    return maps


def warps(magnitudes: Tensor) -> Tensor:
    """Tilt: each of ``magnitudes`` (B, 4) moves the two corners of one side along it."""
    top, bottom, left, right = magnitudes.unbind(1)
    moved = torch.stack(
        [
            torch.stack([-1 - right, -1 - bottom], 1),
            torch.stack([-1 - left, 1 + bottom], 1),
            torch.stack([1 + right, -1 - top], 1),
            torch.stack([1 + left, 1 + top], 1),
        ],
        dim=1,
    )  # (B, 4, 2)
    return _homographies(moved, torch.tensor(_CORNERS, dtype=torch.float64))


def _homographies(sources: Tensor, targets: Tensor) -> Tensor:
    """Return the projective maps (B, 3, 3) that take ``sources`` (B, 4, 2) to ``targets`` (4, 2).

    Eight linear equations in the eight free entries of each matrix.
    """
    n = len(sources)
    equations = sources.new_zeros(n, 8, 8)
    for point, (u, v) in enumerate(targets.tolist()):
        x, y = sources[:, point, 0], sources[:, point, 1]
        for row, target in ((2 * point, u), (2 * point + 1, v)):
            first = 3 * (row % 2)
            equations[:, row, first] = x
            equations[:, row, first + 1] = y
            equations[:, row, first + 2] = 1
            equations[:, row, 6] = -target * x
            equations[:, row, 7] = -target * y
    wanted = targets.reshape(1, 8, 1).expand(n, 8, 1)
    entries = torch.linalg.solve(equations, wanted)[:, :, 0]
    return torch.cat([entries, entries.new_ones(n, 1)], dim=1).view(n, 3, 3)


def sampling_grid(maps: Tensor, height: int, width: int, device: torch.device) -> Tensor:
    """Return float32 (B, H, W, 2) as ``grid_sample(align_corners=False)`` wants it."""
    m = maps.float().to(device)[:, :, :, None, None]  # (B, 3, 3, 1, 1)
    x = ((torch.arange(width, device=device) * 2 + 1) / width - 1)[None, None, :]
    y = ((torch.arange(height, device=device) * 2 + 1) / height - 1)[None, :, None]
    # element by element rather than a matrix product, whose kernel depends on the batch's size
    depth = (m[:, 2, 0] * x + m[:, 2, 1] * y).add_(m[:, 2, 2])
    grid = torch.empty((*depth.shape, 2), device=device)
    for row in (0, 1):
        place = (m[:, row, 0] * x + m[:, row, 1] * y).add_(m[:, row, 2])
        torch.div(place, depth, out=grid[..., row])
    return grid
