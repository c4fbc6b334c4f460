"""Networks for ratings: factors of users and items, multiplied or put through layers.

Dot product and biases: Koren, Bell and Volinsky, 2009, "Matrix Factorization Techniques for
Recommender Systems" (Computer 42(8), equations 2 and 4), as fastai's ``EmbeddingDotBias``. Layers:
He et al., 2017, "Neural Collaborative Filtering" (arXiv 1708.05031), section 3.3.
"""

import itertools
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.backbone import ParameterGroups
from learnkit.models.scratch import check_any_widths, check_widths
from learnkit.models.seeded import seeded
from learnkit.models.tabular import check_y_range, start_small
from learnkit.names import checked_keywords


@final
class CollabModel(nn.Module):
    """Ratings from codes: x int64 (B, 2), user and item -> float (B,).

    Made by `collab`, which describes the options.

    Attributes:
        spec: plain values, from which ``build_from_spec`` rebuilds the model.
        user_factors: embedding (n_users, n_factors).
        item_factors: embedding (n_items, n_factors).
        user_bias: embedding (n_users, 1).
        item_bias: embedding (n_items, 1).
        bias: what all ratings have in common, a scalar.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__()
        self.spec = spec
        n_users, n_items, n_factors = spec["n_users"], spec["n_items"], spec["n_factors"]
        self.y_range: tuple[float, float] | None = spec["y_range"] and tuple(spec["y_range"])
        self.user_factors = nn.Embedding(n_users, n_factors)
        self.item_factors = nn.Embedding(n_items, n_factors)
        self.user_bias = nn.Embedding(n_users, 1)
        self.item_bias = nn.Embedding(n_items, 1)
        self.bias = nn.Parameter(torch.zeros(()))
        self.layers: nn.Sequential | None = None
        if spec["layers"]:
            widths, layers = [2 * n_factors, *spec["layers"]], []
            for n_in, n_out in itertools.pairwise(widths):
                layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(spec["dropout"])]
            self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def layer_groups(self) -> ParameterGroups:
        """Return all parameters as one group: nothing here is pretrained."""
        return [list(self.parameters())]

    def forward(self, x: Tensor) -> Tensor:
        """Return float (B,): ratings, in ``y_range`` where there is one.

        Raises:
            ModelError: when x does not have two columns.
        """
        if x.ndim != 2 or x.shape[1] != 2:
            raise ModelError(
                f"this model takes the codes of a user and an item, (B, 2); x has shape "
                f"{tuple(x.shape)}. Make its data by CollabDataBunch."
            )
        user, item = (
            self._known(x[:, 0], self.user_factors),
            self._known(x[:, 1], self.item_factors),
        )
        factors = self.user_factors(user), self.item_factors(item)
        if self.layers is None:
            raw: Tensor = (factors[0] * factors[1]).sum(1)
        else:
            raw = self.layers(torch.cat(factors, dim=1)).squeeze(1)
        raw = raw + self.user_bias(user).squeeze(1) + self.item_bias(item).squeeze(1) + self.bias
        if self.y_range is None:
            return raw
        low, high = self.y_range
        return low + (high - low) * torch.sigmoid(raw.float())

    @staticmethod
    def _known(codes: Tensor, embedding: nn.Embedding) -> Tensor:
        """Return codes as they are in range; any other counts as unknown."""
        codes = codes.long()
        return codes * ((codes >= 0) & (codes < embedding.num_embeddings))


@checked_keywords
def collab(
    n_users: int,
    n_items: int,
    *,
    n_factors: int = 50,
    layers: Sequence[int] = (),
    dropout: float = 0.0,
    y_range: tuple[float, float] | None = None,
    seed: int = 0,
) -> CollabModel:
    """Build a network for ratings; whom it does not know (code 0) it gives neither taste nor bias.

    Args:
        n_users: codes of users, 0 included.
        n_items: codes of items, 0 included.
        n_factors: numbers that describe each.
        layers: widths of hidden layers that take the place of the dot product.
        dropout: fraction dropped after each hidden layer, in [0, 1).
        y_range: lowest and highest rating, which a sigmoid is stretched to.
        seed: of the initialisation.

    Raises:
        ValueError: naming the argument and what was found.

    Example:
        >>> import torch
        >>> collab(10, 20)(torch.tensor([[3, 7], [0, 1]])).shape
        torch.Size([2])
    """
    check_widths(n_users=(n_users,), n_items=(n_items,), n_factors=(n_factors,))
    check_any_widths(layers=layers)
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be a fraction in [0, 1); found {dropout!r}.")
    check_y_range(y_range)
    spec: dict[str, Any] = {
        "model": "collab",
        "n_users": n_users,
        "n_items": n_items,
        "n_factors": n_factors,
        "layers": list(layers),
        "dropout": dropout,
        "y_range": None if y_range is None else [float(y_range[0]), float(y_range[1])],
    }
    with seeded(seed, "collab"):
        model = CollabModel(spec)
        tables = (model.user_factors, model.item_factors, model.user_bias, model.item_bias)
        for embedding in tables:
            start_small(embedding)
    return model
