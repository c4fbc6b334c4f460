"""Numbers in pieces: how far a value has come through each of a row of intervals.

Gorishniy, Rubachev and Babenko, 2022, "On Embeddings for Numerical Features in Tabular Deep
Learning" (arXiv 2203.05556), equation 1. A plain number lets the first layer draw only lines; in
pieces it can bend at every edge, as a tree can split there.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Piecewise(nn.Module):
    """Piecewise linear encoding: float (B, N) -> float (B, sum of ``pieces``), in [0, 1].

    Piece t of a number is 0 below its interval, 1 above, and runs linearly between. The paper lets
    the outermost pieces run on beyond their edges; here they stop, so that a value far off the
    training data does not reach the layers as a huge one.

    Args:
        pieces: intervals of each number, 1 or more.

    Attributes:
        low: where each piece begins, float (sum of pieces,).
        high: where it ends.
    """

    low: Tensor
    high: Tensor
    column: Tensor

    def __init__(self, pieces: Sequence[int]) -> None:
        super().__init__()
        column = [place for place, n in enumerate(pieces) for _ in range(n)]
        self.register_buffer("column", torch.tensor(column), persistent=False)
        self.register_buffer("low", torch.zeros(len(column)))
        self.register_buffer("high", torch.ones(len(column)))

    def set_edges(self, edges: Sequence[Tensor]) -> None:
        """Place the pieces: for each number its edges, ascending, one more than pieces."""
        self.low.copy_(torch.cat([line[:-1] for line in edges]))
        self.high.copy_(torch.cat([line[1:] for line in edges]))

    def forward(self, x: Tensor) -> Tensor:
        """Return float (B, sum of pieces)."""
        return ((x[:, self.column] - self.low) / (self.high - self.low)).clamp(0, 1)


def edges_of(values: Tensor, most: int) -> Tensor:
    """Return the edges of at most ``2 * most`` pieces of one number.

    They are quantiles of the values, as in the paper (section 3.2.1), and of the different values:
    of a number that is mostly 0, such as a capital gain, the former alone see little.

    Args:
        values: of the training rows, float (N,).
        most: quantiles of either kind, 1 or more.

    Returns:
        Ascending, all different, at least two: float (pieces + 1,).
    """
    shares = torch.linspace(0, 1, most + 1, dtype=torch.float64)
    both = [_quantiles(line, shares) for line in (values, _different(values))]
    edges = _different(torch.cat(both).to(values.dtype))
    return edges if len(edges) > 1 else torch.stack([edges[0], edges[0] + 1])


def _different(values: Tensor) -> Tensor:
    found: Tensor = torch.unique(values)  # ascending
    return found


def _quantiles(values: Tensor, shares: Tensor) -> Tensor:
    """Return quantiles by linear interpolation; torch's own stops at 16 million values."""
    line = values.double().sort().values
    place = shares * (len(line) - 1)
    below = place.floor().long()
    above = place.ceil().long()
    return torch.lerp(line[below], line[above], place - below)
