"""Keep a model's values in a range. Knows nothing of what they mean."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

Range: TypeAlias = tuple[float, float]


class ValueRange(nn.Module):
    """Stretch a sigmoid from ``low`` to ``high``: float32 of any shape, as fastai's does.

    The ends themselves are never reached, so let the range be a little wider than the values.
    Computed in float32, since half precision has few numbers near the ends.
    """

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 in (low, high)."""
        return torch.sigmoid(x.float()) * (self.high - self.low) + self.low

    def extra_repr(self) -> str:
        """Say the range."""
        return f"{self.low:g}, {self.high:g}"


def check_range(y_range: object) -> Range | None:
    """Return (lowest, highest) as floats, or None.

    Raises:
        ValueError: unless it is two finite numbers, the lower first.
    """
    if y_range is None:
        return None
    if (
        not isinstance(y_range, tuple | list)
        or len(y_range) != 2
        or any(isinstance(end, bool) or not isinstance(end, int | float) for end in y_range)
        or not -1e30 < y_range[0] < y_range[1] < 1e30
    ):
        raise ValueError(f"y_range must be (lowest, highest), two numbers; found {y_range!r}.")
    return float(y_range[0]), float(y_range[1])
