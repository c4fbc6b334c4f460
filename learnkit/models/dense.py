"""The hidden layers of a perceptron: linear, norm, activation, dropout, and the way round them."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from torch import Tensor, nn

from learnkit.names import did_you_mean

Activation: TypeAlias = Literal[
    "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "identity"
]
Norm: TypeAlias = Literal["batch", "layer"]

ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}
NORMS: Final[dict[str, type[nn.Module]]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """What a hidden layer is made of.

    Attributes:
        activation: its function.
        norm: between the linear part and the activation; None has none.
        dropout: the fraction of units that are left out in training, in [0, 1).
        residual: whether a hidden layer as wide as the one before is added to it.
        bias: whether linear layers have biases.
    """

    activation: Activation = "relu"
    norm: Norm | None = None
    dropout: float = 0.0
    residual: bool = False
    bias: bool = True

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, tuple(ACTIVATIONS))
        if self.norm is not None:
            check_choice("norm", self.norm, tuple(NORMS), " or None")
        number = isinstance(self.dropout, int | float) and not isinstance(self.dropout, bool)
        if not number or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be a fraction in [0, 1); found {self.dropout!r}.")

    def layers(self, sizes: Sequence[int]) -> Iterator[nn.Module]:
        """Give the layers from ``sizes[0]`` numbers a sample over the hidden ones to the last."""
        yield nn.Linear(sizes[0], sizes[1], bias=self.bias)
        last = len(sizes) - 2
        for place, (n_in, n_out) in enumerate(itertools.pairwise(sizes[1:]), start=1):
            parts = [*self._after(n_in), nn.Linear(n_in, n_out, bias=self.bias)]
            if self.residual and n_in == n_out and place < last:
                yield Residual(*parts)
            else:
                yield from parts

    def _after(self, width: int) -> Iterator[nn.Module]:
        if self.norm is not None:
            yield NORMS[self.norm](width)
        yield ACTIVATIONS[self.activation]()
        if self.dropout:
            yield nn.Dropout(self.dropout)


class Residual(nn.Sequential):
    """Layers in a row whose output is added to their input: ``x + layers(x)``.

    He et al. 2015, "Deep residual learning for image recognition" (arXiv 1512.03385), equation 1.
    Norm and activation come first and the linear part last, so that the way round is free from the
    first layer to the last: "full pre-activation" of He et al. 2016, "Identity mappings in deep
    residual networks" (arXiv 1603.05027, figure 4e).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N) for (B, N)."""
        y: Tensor = x + super().forward(x)  # type: ignore[no-untyped-call, unused-ignore]
        return y


def check_choice(name: str, value: Any, options: Sequence[str], more: str = "") -> None:
    """Raise ValueError, with the nearest, unless ``value`` is one of ``options``."""
    if not isinstance(value, str) or value not in options:
        hint = did_you_mean(value, options) if isinstance(value, str) else ""
        raise ValueError(
            f"{name} must be one of {', '.join(options)}{more}; found {value!r}.{hint}"
        )
