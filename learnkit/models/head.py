"""Heads: feature maps (B, C, h, w) to logits (B, K).

Knows nothing of bodies or weights.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from learnkit.names import checked_keywords


class ConcatPool(nn.Module):
    """Maximum and mean of each map, side by side: (B, C, h, w) -> (B, 2C).

    The maximum comes first, as in fastai's ``AdaptiveConcatPool2d``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return float (B, 2C)."""
        return torch.cat([x.amax(dim=(2, 3)), x.mean(dim=(2, 3))], dim=1)


class MeanPool(nn.Module):
    """Mean of each map: (B, C, h, w) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return float (B, C)."""
        return x.mean(dim=(2, 3))


@checked_keywords
def fastai_head(
    n_features: int,
    n_classes: int,
    *,
    hidden: Sequence[int] = (512,),
    dropout: float = 0.5,
    concat_pool: bool = True,
) -> nn.Sequential:
    """Build the head of fastai v2's ``create_head``, initialised as its ``apply_init`` does.

    Pooling, then for each linear layer BatchNorm, dropout (half of ``dropout`` before the hidden
    layers), a linear layer without bias, and ReLU between them.

    Args:
        n_features: channels of the maps.
        n_classes: width of the logits.
        hidden: widths of the hidden layers.
        dropout: fraction dropped before the last layer, in [0, 1).
        concat_pool: pool by maximum and mean; by mean alone when False.
    """
    check_head(n_features, n_classes, hidden, dropout)
    widths = [n_features * 2 if concat_pool else n_features, *hidden, n_classes]
    layers: list[nn.Module] = [ConcatPool() if concat_pool else MeanPool()]
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        last = i == len(widths) - 2
        fraction = dropout if last else dropout / 2
        layers.append(_norm(n_in))
        layers += [nn.Dropout(fraction)] if fraction > 0 else []
        layers.append(nn.Linear(n_in, n_out, bias=False))
        layers += [] if last else [nn.ReLU(inplace=True)]
    return _initialised(nn.Sequential(*layers))


@checked_keywords
def plain_head(n_features: int, n_classes: int, *, dropout: float = 0.0) -> nn.Sequential:
    """Build the least head: mean pooling, dropout, one linear layer.

    Args:
        n_features: channels of the maps.
        n_classes: width of the logits.
        dropout: fraction dropped before the linear layer, in [0, 1).
    """
    check_head(n_features, n_classes, (), dropout)
    layers: list[nn.Module] = [MeanPool()]
    layers += [nn.Dropout(dropout)] if dropout > 0 else []
    return _initialised(nn.Sequential(*layers, nn.Linear(n_features, n_classes)))


def check_head(n_features: int, n_classes: int, hidden: Sequence[int], dropout: float) -> None:
    """Refuse numbers that no head can have.

    Raises:
        ValueError: naming the argument, what was expected and what was found.
    """
    for name, width in (("n_features", n_features), ("n_classes", n_classes)):
        if width < 1:
            raise ValueError(f"{name} must be at least 1; found {width}.")
    if any(width < 1 for width in hidden):
        raise ValueError(f"hidden must hold widths of at least 1; found {tuple(hidden)}.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be a fraction in [0, 1); found {dropout}.")


def _norm(width: int) -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(width)
    # fastai's BatchNorm starts its bias at 1e-3 (fastai/layers.py, _get_norm).
    nn.init.constant_(norm.bias, 1e-3)
    return norm


def _initialised(head: nn.Sequential) -> nn.Sequential:
    """He initialisation (He et al., 2015, arXiv 1502.01852) of the linear layers, biases 0."""
    for layer in head:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return head
