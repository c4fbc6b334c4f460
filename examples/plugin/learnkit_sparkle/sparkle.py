"""Show how the loss went in each epoch, as one line of blocks."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor
from typing_extensions import override

from learnkit import Callback, State

BLOCKS: Final = "▁▂▃▄▅▆▇█"
BAD: Final = "!"


class Sparkle(Callback):
    """Print a spark line of the training losses at the end of each epoch.

    Losses stay on the device until the phase ends, so no step waits for them.

    Args:
        width: characters of the line; more batches than that share one by their mean.

    Raises:
        ValueError: when ``width`` is below 1.
    """

    looks_on = True

    def __init__(self, *, width: int = 40) -> None:
        if width < 1:
            raise ValueError(f"Sparkle: width must be at least 1; got {width!r}.")
        self.width = width
        self._losses: list[Tensor] = []

    @override
    def before_phase(self, state: State) -> None:
        if state.training:
            self._losses = []

    @override
    def after_loss(self, state: State) -> None:
        if state.training:
            self._losses.append(state.loss.detach())

    @override
    def after_phase(self, state: State) -> None:
        if state.training and self._losses:
            losses = torch.stack(self._losses).tolist()
            line = spark_line(losses, width=self.width)
            ends = f"{losses[0]:.4g} to {losses[-1]:.4g}"
            print(f"epoch {state.progress.epochs_done + 1}: {line} {ends}")

    @override
    def after_fit(self, state: State) -> None:
        self._losses = []

    @override
    def state_dict(self) -> dict[str, Any]:
        # a fit that is resumed inside an epoch shows all of it
        return {"losses": list(self._losses)}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._losses = list(state["losses"])


def spark_line(values: Sequence[float], *, width: int = 40) -> str:
    """Return numbers as blocks between the least and the greatest of them.

    Example:
        >>> spark_line([3.0, 2.0, 1.0])
        '█▅▁'

    Args:
        values: NaN and infinite ones become "!".
        width: the most characters; above it, neighbours are averaged.
    """
    shown = _averaged(values, width) if len(values) > width else list(values)
    finite = [value for value in shown if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(_block(value, low, high) for value in shown)


def _averaged(values: Sequence[float], width: int) -> list[float]:
    edges = [i * len(values) // width for i in range(width + 1)]
    parts = [values[a:b] for a, b in itertools.pairwise(edges)]
    return [sum(part) / len(part) for part in parts]


def _block(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return BAD
    share = (value - low) / (high - low) if high > low else 0.0
    return BLOCKS[min(len(BLOCKS) - 1, int(share * len(BLOCKS)))]
