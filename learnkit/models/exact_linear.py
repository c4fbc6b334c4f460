"""Linear regression without descent: the weights of least squared error, in one solve."""

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from learnkit.errors import DataError
from learnkit.models.perceptron import linear
from learnkit.models.scratch import ScratchModel
from learnkit.names import checked_keywords
from learnkit.types import batches_of

if TYPE_CHECKING:
    from learnkit.data.bunch import DataBunch


@checked_keywords
def least_squares(data: "DataBunch", *, l2: float = 0.0, bias: bool = True) -> ScratchModel:
    """Fit a linear model to the training samples exactly: x (B, ...) -> values (B, K).

    The weights solve the normal equations ``X^T X W = X^T Y`` (Legendre 1805, Gauss 1809) of the
    training samples, which all lie in memory for it. They are computed from the singular values of
    X in float64, as forming ``X^T X`` squares its condition number (Golub and Van Loan, "Matrix
    computations", section 5.3). Where several solutions are as good, it is the shortest.

    The model is `models.linear` with its weights set: it can be validated, trained on and exported.

    Example:
        >>> import torch
        >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> data = DataBunch.from_arrays(x, 2 * x + 1, valid=(x, 2 * x + 1), batch_size=4)
        >>> [round(value, 4) for value in least_squares(data)[1].weight[0].tolist()]
        [2.0]

    Args:
        data: its training samples: targets float (N,) or (N, K).
        l2: ridge regression (Hoerl and Kennard 1970): the penalty on the sum of squared weights,
            beside the sum of squared errors; at least 0. The bias is not penalised.
        bias: whether a constant is added.

    Raises:
        DataError: when the targets are classes, or a number is NaN or infinite.
        ValueError: when ``l2`` is out of range.
    """
    if isinstance(l2, bool) or not isinstance(l2, int | float) or not 0 <= l2 < math.inf:
        raise ValueError(f"least_squares(): l2 must be a number of at least 0; found {l2!r}.")
    x, y = _samples(data)
    mean_x = x.mean(0) if bias else x.new_zeros(x.shape[1])
    mean_y = y.mean(0) if bias else y.new_zeros(y.shape[1])
    weight = _solved(x - mean_x, y - mean_y, float(l2))  # (D, K)
    model = linear(x.shape[1], y.shape[1], bias=bias)
    layer = cast("nn.Linear", model[1])
    with torch.no_grad():
        layer.weight.copy_(weight.T)
        if bias:
            layer.bias.copy_(mean_y - mean_x @ weight)
    return model


def _solved(x: Tensor, y: Tensor, l2: float) -> Tensor:
    """Return float64 (D, K) that minimises ``|x w - y|^2 + l2 |w|^2``."""
    if l2:  # a row for each weight that asks it to be 0
        n = x.shape[1]
        x = torch.cat([x, math.sqrt(l2) * torch.eye(n, dtype=x.dtype)])
        y = torch.cat([y, y.new_zeros(n, y.shape[1])])
    solution: Tensor = torch.linalg.lstsq(x, y, driver="gelsd").solution
    return solution


def _samples(data: "DataBunch") -> tuple[Tensor, Tensor]:
    """Return all training samples, float64 (N, D) and (N, K)."""
    xs: list[Tensor] = []
    ys: list[Tensor] = []
    with batches_of(data.train_dl) as batches:
        for loaded in batches:
            x, y = loaded.batch
            if not y.is_floating_point():
                raise DataError(
                    f"least_squares() fits values, and the targets are {str(y.dtype)[6:]} of "
                    f"shape {tuple(y.shape)}. Train models.linear with cross entropy for classes; "
                    "task='regression' makes values of a column of whole numbers."
                )
            for name, values in (("x", x), ("y", y)):
                _check_finite(
                    name, values, [data.train_dl.describe(int(i)) for i in loaded.indices]
                )
            xs.append(x.flatten(1).double())
            ys.append(y.reshape(len(y), -1).double())
    return torch.cat(xs), torch.cat(ys)


def _check_finite(name: str, values: Tensor, rows: list[str]) -> None:
    good = torch.isfinite(values.reshape(len(values), -1)).all(1)
    if not bool(good.all()):
        row = rows[int((~good).nonzero()[0])]
        raise DataError(
            f"least_squares() needs finite numbers, and {name} of {row} holds NaN or infinity. "
            "Fill it in, or remove the sample."
        )
