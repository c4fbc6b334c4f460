"""Targets that lie on a photo go where its pixels go: masks and points, on the device.

A transform says where each place of its result was before (``BatchTransform.moves_by``); what lies
there is moved here. Masks take the value of the nearest pixel, so that no new one comes up, and are
reflected beyond the borders as photos are. Knows no transforms and no files.
"""

from typing import Final, get_args

import torch
from torch import Tensor
from torch.nn import functional

from learnkit.data.warp import sampling_grid
from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.types import Moves

MOVES: Final[tuple[Moves, ...]] = get_args(Moves)


def check_moves(moves: str) -> None:
    """Raise ValueError unless ``moves`` is a way in which targets move."""
    if moves not in MOVES:
        known = ", ".join(map(repr, MOVES))
        raise ValueError(f"moves must be one of {known}: found {moves!r}.{_near(moves)}")


def _near(word: object) -> str:
    return did_you_mean(word, MOVES[1:]) if isinstance(word, str) else ""


def check_fit(y: Tensor, x: Tensor, moves: Moves) -> None:
    """Compare the shapes of targets and photos.

    Raises:
        DataError: unless masks are whole numbers (B, H, W) or (B, 1, H, W) of the photos' size, or
            points floats (B, 2 P).
    """
    shape, kind = tuple(y.shape), str(y.dtype).removeprefix("torch.")
    if moves == "mask":
        fits = y.ndim in (3, 4) and shape[-2:] == tuple(x.shape[2:]) and not y.is_floating_point()
        if not fits or (y.ndim == 4 and shape[1] != 1):
            raise DataError(
                f"Masks must be whole numbers of shape {(len(x), *x.shape[2:])}, one for each "
                f"pixel of the photos; found {kind} of shape {shape}."
            )
    elif moves == "points" and (y.ndim != 2 or y.shape[1] % 2 or not y.is_floating_point()):
        raise DataError(
            f"Points must be floats of shape ({len(x)}, 2 P): x and y of each of P points, from "
            f"-1 to 1 across the photo; found {kind} of shape {shape}."
        )


def moved(y: Tensor, maps: Tensor, moves: Moves, size: tuple[int, int]) -> Tensor:
    """Return targets where the pixels of their photos are now.

    Args:
        y: masks (B, H, W) or (B, 1, H, W), whole numbers below 2**24; or points float (B, 2 P), x
            and y of each in [-1, 1].
        maps: float64 (B, 3, 3), from places in the result to places before; see ``warp``.
        moves: ``"mask"`` or ``"points"``; with ``""`` targets stay.
        size: (height, width) of the result.
    """
    if moves == "mask":
        return _masks(y, maps, size)
    return _points(y, maps) if moves == "points" else y


def _masks(y: Tensor, maps: Tensor, size: tuple[int, int]) -> Tensor:
    grid = sampling_grid(maps, size[0], size[1], y.device)
    planes = y if y.ndim == 4 else y[:, None]
    taken = functional.grid_sample(
        planes.float(), grid, mode="nearest", padding_mode="reflection", align_corners=False
    )
    return taken.to(y.dtype).view(*y.shape[:-2], *size)


def _points(y: Tensor, maps: Tensor) -> Tensor:
    after = torch.linalg.inv(maps).to(y.device, torch.float32)  # from before to the result
    pairs = y.float().view(len(y), -1, 2)
    places = torch.cat([pairs, torch.ones_like(pairs[:, :, :1])], 2) @ after.transpose(1, 2)
    flat: Tensor = (places[:, :, :2] / places[:, :, 2:]).reshape(y.shape)
    return flat.to(y.dtype)
