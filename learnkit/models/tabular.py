"""A network for tables: an embedding for each category, numbers beside them, and layers after.

The layout is fastai's ``TabularModel`` (Howard and Gugger, 2020, arXiv 2002.04688), after
Guo and Berkhahn, 2016, "Entity Embeddings of Categorical Variables" (arXiv 1604.06737).
"""

import math
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.backbone import ParameterGroups
from learnkit.models.piecewise import Piecewise
from learnkit.models.scratch import check_any_widths, check_widths
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords


def embedding_size(n: int) -> int:
    """Return the width of the embedding of ``n`` codes by fastai's rule of thumb.

    Example:
        >>> embedding_size(16)
        8
    """
    return min(600, round(1.6 * math.pow(n, 0.56)))


@final
class TabularModel(nn.Module):
    """Embeddings and layers: x float (B, columns), codes first, then numbers -> (B, n_outputs).

    Made by `tabular`, which describes the options.

    Attributes:
        spec: plain values, from which ``build_from_spec`` rebuilds the model.
        pieces: the numbers in pieces, if ``pieces`` were asked for.
        scale: mean and deviation (2, n_outputs), which outputs are multiplied and shifted by.
    """

    scale: Tensor
    sizes: Tensor

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__()
        self.spec = spec
        self.n_numbers: int = spec["n_numbers"]
        self.y_range: tuple[float, float] | None = spec["y_range"] and tuple(spec["y_range"])
        pairs = zip(spec["category_sizes"], spec["embedding_sizes"], strict=True)
        self.embeddings = nn.ModuleList(nn.Embedding(n, width) for n, width in pairs)
        self.register_buffer(
            "sizes", torch.tensor(spec["category_sizes"], dtype=torch.int64), persistent=False
        )
        self.embedding_dropout = nn.Dropout(spec["embedding_dropout"])
        self.pieces = Piecewise(spec["pieces"]) if spec["pieces"] else None
        n_values = sum(spec["pieces"]) if spec["pieces"] else self.n_numbers
        self.norm = nn.BatchNorm1d(n_values) if n_values else None
        widths = [sum(spec["embedding_sizes"]) + n_values, *spec["layers"]]
        layers: list[nn.Module] = []
        for n_in, n_out, share in zip(widths[:-1], widths[1:], spec["dropout"], strict=True):
            layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.BatchNorm1d(n_out), nn.Dropout(share)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], spec["n_outputs"]))
        self.register_buffer("scale", torch.tensor([[0.0], [1.0]]).repeat(1, spec["n_outputs"]))

    def layer_groups(self) -> ParameterGroups:
        """Return all parameters as one group: nothing here is pretrained."""
        return [list(self.parameters())]

    def forward(self, x: Tensor) -> Tensor:
        """Return float (B, n_outputs): logits, or values in ``y_range``.

        Raises:
            ModelError: when x has another number of columns.
        """
        n = len(self.embeddings)
        if x.ndim != 2 or x.shape[1] != n + self.n_numbers:
            raise ModelError(
                f"this model takes {n} columns of codes and {self.n_numbers} of numbers; x has "
                f"shape {tuple(x.shape)}. Make the model and the data of one table."
            )
        parts = [self.embedding_dropout(self._embedded(x[:, :n]))] if n else []
        if self.norm is not None:
            numbers = x[:, n:].float()
            parts.append(self.norm(numbers if self.pieces is None else self.pieces(numbers)))
        y: Tensor = self.layers(torch.cat(parts, dim=1))
        if self.y_range is not None:
            low, high = self.y_range
            return low + (high - low) * torch.sigmoid(y.float())
        return y.float() * self.scale[1] + self.scale[0]

    def _embedded(self, x: Tensor) -> Tensor:
        """Return all embeddings side by side; a code out of range counts as unknown."""
        codes = x.long()
        codes = codes * ((codes >= 0) & (codes < self.sizes))
        pairs = zip(self.embeddings, codes.unbind(1), strict=True)
        return torch.cat([embedding(column) for embedding, column in pairs], dim=1)


@checked_keywords
def tabular(
    category_sizes: Sequence[int],
    n_numbers: int,
    n_outputs: int,
    *,
    embedding_sizes: Sequence[int] | None = None,
    layers: Sequence[int] = (200, 100),
    dropout: float | Sequence[float] = 0.0,
    embedding_dropout: float = 0.0,
    pieces: Sequence[int] = (),
    y_range: tuple[float, float] | None = None,
    seed: int = 0,
) -> TabularModel:
    """Build a network for tables, initialised as fastai's: embeddings small, code 0 at zero.

    Each layer is linear, ReLU, BatchNorm, dropout; a linear layer follows.

    Args:
        category_sizes: codes of each column of categories, 0 included.
        n_numbers: columns of numbers, which come after those of codes.
        n_outputs: width of the output.
        embedding_sizes: width of each embedding; by `embedding_size` otherwise.
        layers: widths of the hidden layers; ``()`` makes a linear model of embeddings.
        dropout: fraction dropped after each hidden layer, in [0, 1), or one for each.
        embedding_dropout: fraction of the embeddings that is dropped.
        pieces: intervals of each number, see `Piecewise`; ``()`` takes numbers as they are.
        y_range: lowest and highest output, which a sigmoid is stretched to.
        seed: of the initialisation.

    Raises:
        ValueError: naming the argument and what was found.

    Example:
        >>> import torch
        >>> tabular([10, 3], 2, 5)(torch.zeros(4, 4)).shape
        torch.Size([4, 5])
    """
    check_any_widths(category_sizes=category_sizes, layers=layers)
    sizes = [embedding_size(n) for n in category_sizes]
    widths = list(sizes if embedding_sizes is None else embedding_sizes)
    shares = [dropout] * len(layers) if isinstance(dropout, int | float) else list(dropout)
    _check(category_sizes, widths, n_numbers, n_outputs, layers, pieces)
    _check_shares(layers, shares, embedding_dropout)
    check_y_range(y_range)
    spec: dict[str, Any] = {
        "model": "tabular",
        "category_sizes": list(category_sizes),
        "embedding_sizes": widths,
        "n_numbers": n_numbers,
        "n_outputs": n_outputs,
        "layers": list(layers),
        "dropout": shares,
        "embedding_dropout": embedding_dropout,
        "pieces": list(pieces),
        "y_range": None if y_range is None else [float(y_range[0]), float(y_range[1])],
    }
    with seeded(seed, "tabular"):
        model = TabularModel(spec)
        for embedding in model.embeddings:
            start_small(embedding)
    return model


def start_small(embedding: nn.Module) -> None:
    """Draw an embedding as fastai does, normal with deviation 0.01, cut at two; code 0 at zero.

    So whatever training never meets adds nothing.
    """
    weight = embedding.get_parameter("weight")
    nn.init.trunc_normal_(weight, std=0.01, a=-0.02, b=0.02)
    with torch.no_grad():
        weight[0] = 0


def _check(
    category_sizes: Sequence[int],
    embedding_sizes: Sequence[int],
    n_numbers: int,
    n_outputs: int,
    layers: Sequence[int],
    pieces: Sequence[int],
) -> None:
    lists = {"category_sizes": category_sizes, "embedding_sizes": embedding_sizes}
    for name, widths in {**lists, "layers": layers, "pieces": pieces}.items():
        check_any_widths(**{name: widths})
    check_widths(n_outputs=(n_outputs,))
    if len(embedding_sizes) != len(category_sizes):
        raise ValueError(
            f"embedding_sizes needs a width for each of the {len(category_sizes)} columns of "
            f"categories; found {len(embedding_sizes)}."
        )
    if n_numbers < 0 or not (n_numbers or category_sizes):
        raise ValueError("tabular() needs a column of categories or numbers; found none.")
    if pieces and len(pieces) != n_numbers:
        raise ValueError(
            f"pieces needs a number for each of the {n_numbers} columns of numbers; found "
            f"{len(pieces)}."
        )


def _check_shares(layers: Sequence[int], shares: Sequence[float], embedded: float) -> None:
    if len(shares) != len(layers):
        raise ValueError(
            f"dropout needs one fraction, or one for each of the {len(layers)} layers; found "
            f"{len(shares)}."
        )
    wrong = next((share for share in (*shares, embedded) if not 0 <= share < 1), None)
    if wrong is not None:
        raise ValueError(f"dropout must be a fraction in [0, 1); found {wrong!r}.")


def check_y_range(y_range: object) -> None:
    """Raise ValueError unless ``y_range`` is None or (low, high)."""
    if y_range is None:
        return
    if (
        not isinstance(y_range, tuple | list)
        or len(y_range) != 2
        or not all(isinstance(end, int | float) for end in y_range)
        or not -1e30 < y_range[0] < y_range[1] < 1e30
    ):
        raise ValueError(f"y_range must be (lowest, highest); found {y_range!r}.")
