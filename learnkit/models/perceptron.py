"""Perceptrons: one linear layer, or several with a function between them, at any depth."""

from typing import Any

from torch import nn

from learnkit.models.dense import Activation, Hidden, Norm
from learnkit.models.initialise import Init, check_init, initialise
from learnkit.models.scratch import ScratchModel, check_widths
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords


@checked_keywords
def mlp(
    *sizes: int,
    depth: int | None = None,
    width: int | None = None,
    activation: Activation = "relu",
    norm: Norm | None = None,
    dropout: float = 0.0,
    residual: bool = False,
    init: Init = "torch",
    bias: bool = True,
    seed: int = 0,
) -> ScratchModel:
    """Build a perceptron: (B, ...) -> logits (B, sizes[-1]).

    Hidden layers are named one by one, ``mlp(784, 50, 30, 10)``, or by how many there are and how
    wide: ``mlp(784, 10, depth=2, width=50)`` is ``mlp(784, 50, 50, 10)``.

    Example:
        >>> import torch
        >>> mlp(784, 50, 10)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
        >>> deep = mlp(784, 10, depth=20, width=64, norm="batch", residual=True)
        >>> len(list(deep.parameters()))
        82

    Args:
        sizes: numbers per sample in, per hidden layer, and out: ``mlp(784, 50, 10)``.
        depth: how many hidden layers there are, where ``sizes`` names none; 0 is a linear model.
        width: units in each of them.
        activation: the function of hidden layers: relu, leaky_relu, elu, selu, gelu, silu, tanh,
            sigmoid or identity.
        norm: ``"batch"`` (Ioffe and Szegedy 2015, arXiv 1502.03167) or ``"layer"`` (Ba et al.
            2016, arXiv 1607.06450), between a hidden layer's linear part and its activation.
        dropout: fraction of each hidden layer's units that are left out in training, in [0, 1)
            (Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
            overfitting").
        residual: add a hidden layer's input to its output where the two are as wide; see
            `learnkit.models.dense.Residual`.
        init: how weights start: ``"torch"``, ``"he"``, ``"xavier"``, ``"normal"``, ``"zeros"``, or
            a standard deviation; see `learnkit.models.initialise.initialise`.
        bias: whether linear layers have biases.
        seed: of the initialisation.

    Raises:
        ValueError: when an option is out of range, or ``depth`` clashes with ``sizes``.
    """
    widths = _widths(sizes, depth, width)
    hidden = Hidden(
        activation=activation, norm=norm, dropout=dropout, residual=bool(residual), bias=bool(bias)
    )
    check_init(init)
    with seeded(seed, "mlp"):
        model = ScratchModel(
            [nn.Flatten(), *hidden.layers(widths)], spec=_spec(widths, hidden, init)
        )
        initialise(model, init)
    return model


@checked_keywords
def linear(n_in: int, n_out: int, *, bias: bool = True, seed: int = 0) -> ScratchModel:
    """Build one linear layer: (B, ...) -> logits (B, n_out).

    With mean squared error it is linear regression, with cross entropy logistic regression, and
    with neither a hidden layer nor a bend the perceptron of Rosenblatt 1958.

    Example:
        >>> linear(2, 1, bias=False)[1]
        Linear(in_features=2, out_features=1, bias=False)

    Args:
        n_in: numbers per sample.
        n_out: numbers that come out.
        bias: whether a constant is added.
        seed: of the initialisation.
    """
    return mlp(n_in, n_out, bias=bias, seed=seed)


def _widths(sizes: tuple[int, ...], depth: int | None, width: int | None) -> list[int]:
    if len(sizes) < 2:
        raise ValueError(
            f"mlp() needs the numbers in and out, such as mlp(784, 50, 10); found {sizes}."
        )
    check_widths(sizes=sizes)
    if depth is None and width is None:
        return list(sizes)
    if depth is None or width is None:
        raise ValueError(
            "mlp() takes depth and width together, such as mlp(784, 10, depth=2, width=50); found "
            f"depth={depth} and width={width}."
        )
    if len(sizes) > 2:
        raise ValueError(
            f"mlp() has its hidden layers from sizes={sizes} and again from depth={depth}, "
            f"width={width}. Give one of the two: mlp({sizes[0]}, {sizes[-1]}, depth={depth}, "
            f"width={width}), or the sizes alone."
        )
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 0:
        raise ValueError(f"depth must be a whole number of at least 0; found {depth!r}.")
    check_widths(width=(width,))
    return [sizes[0], *[width] * depth, sizes[-1]]


def _spec(widths: list[int], hidden: Hidden, init: Init) -> dict[str, Any]:
    """Return the plain values: the sizes, and every switch that is not as it comes."""
    spec: dict[str, Any] = {"model": "mlp", "sizes": widths}
    plain = Hidden()
    for name in ("activation", "norm", "dropout", "residual", "bias"):
        value = getattr(hidden, name)
        if value != getattr(plain, name):
            spec[name] = value
    return spec if init == "torch" else spec | {"init": init}
