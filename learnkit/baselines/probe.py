"""A linear probe on fixed features: logistic regression for classes, ridge for values.

Alain and Bengio, 2016, "Understanding intermediate layers using linear classifier probes"
(arXiv 1610.01644). The strength of the L2 penalty is chosen on a fifth of the training samples;
validation samples are never looked at.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from learnkit.baselines.neighbours import Scale
from learnkit.randomness import permutation

STRENGTHS: Final = (10.0, 1.0, 0.1, 0.01, 0.001)
_HELD_OUT: Final = 0.2
_FEWEST: Final = 10  # samples; with fewer there is nothing to choose a strength on
_ITERATIONS: Final = 100


@dataclass(frozen=True, eq=False)
class Probe:
    """A linear layer on features as they come, the standardisation folded in.

    Attributes:
        weight: float64 (K, D).
        bias: float64 (K,).
        l2: strength of the penalty on the weights of standardised features.
    """

    weight: Tensor
    bias: Tensor
    l2: float

    def __call__(self, x: Tensor) -> Tensor:
        """Return float64 (N, K): logits, or values."""
        return x @ self.weight.T + self.bias


def fit_probe(
    x: Tensor, y: Tensor, *, scale: Scale, n_classes: int | None = None, seed: int = 0
) -> Probe:
    """Fit a probe.

    Args:
        x: float64 (N, D).
        y: int64 (N,) classes, or with ``n_classes`` None float64 (N, K) values.
        scale: of the features.
        n_classes: width of the logits.
        seed: of the split on which the strength is chosen.
    """
    z = scale(x)
    with torch.inference_mode(mode=False), torch.no_grad():
        strength, start = _chosen(z, y, n_classes, seed)
        weight, bias = _solved(z, y, strength, start)
    folded = weight / scale.std
    return Probe(folded, bias - folded @ scale.mean, strength)


class _Solution(NamedTuple):
    weight: Tensor  # (K, D), of standardised features
    bias: Tensor  # (K,)


def _chosen(
    z: Tensor, y: Tensor, n_classes: int | None, seed: int
) -> tuple[float, _Solution | None]:
    """Return the best strength, and the solution that it had on four fifths of the samples.

    From the strongest on: each solution is where the next one begins.
    """
    held = round(len(z) * _HELD_OUT)
    start = None if n_classes is None else _blank(z, y, n_classes)
    if len(z) < _FEWEST:
        return 1.0, start
    order = torch.from_numpy(permutation(len(z), seed=seed, epoch=0))
    kept, out = order[held:], order[:held]
    found: list[_Solution] = []
    for l2 in STRENGTHS:
        found.append(_solved(z[kept], y[kept], l2, start))
        start = None if start is None else found[-1]
    scores = [_score(z[out] @ each.weight.T + each.bias, y[out], n_classes) for each in found]
    best = max(range(len(found)), key=lambda i: scores[i])
    return STRENGTHS[best], None if n_classes is None else found[best]


def _blank(z: Tensor, y: Tensor, n_classes: int) -> _Solution:
    """Answer with the classes' shares, whatever the features."""
    share = one_hot(y, n_classes).double().mean(0)
    return _Solution(z.new_zeros(n_classes, z.shape[1]), (share + 1 / len(y)).log())


def _score(preds: Tensor, y: Tensor, n_classes: int | None) -> tuple[float, float]:
    """Return what is better the higher it is: accuracy, then log loss; or the squared error."""
    if n_classes is None:
        return -float((preds - y).square().mean()), 0.0
    return float((preds.argmax(1) == y).double().mean()), -float(cross_entropy(preds, y))


def _solved(z: Tensor, y: Tensor, l2: float, start: _Solution | None) -> _Solution:
    """Solve for one strength: for values without a ``start``, for classes from one on."""
    return _ridge(z, y, l2) if start is None else _logistic(z, y, l2, start)


def _logistic(z: Tensor, y: Tensor, l2: float, start: _Solution) -> _Solution:
    """Minimise mean cross entropy + l2 / 2 |W|^2 by L-BFGS; the bias is not penalised."""
    weight = start.weight.clone().requires_grad_()
    bias = start.bias.clone().requires_grad_()
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=_ITERATIONS,
        tolerance_grad=1e-6,
        tolerance_change=1e-7,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        solver.zero_grad()
        loss = cross_entropy(z @ weight.T + bias, y) + l2 / 2 * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        solver.step(closure)  # type: ignore[no-untyped-call]
    return _Solution(weight.detach(), bias.detach())


def _ridge(z: Tensor, y: Tensor, l2: float) -> _Solution:
    """Minimise mean squared error + l2 |W|^2, in whichever form has the smaller matrix."""
    middle, mean = z.mean(0), y.mean(0)
    z, y = z - middle, y - mean
    n, width = z.shape
    if width <= n:
        matrix = z.T @ z + n * l2 * torch.eye(width, dtype=z.dtype)
        weight = torch.linalg.solve(matrix, z.T @ y).T
    else:
        matrix = z @ z.T + n * l2 * torch.eye(n, dtype=z.dtype)
        weight = (z.T @ torch.linalg.solve(matrix, y)).T
    return _Solution(weight, mean - weight @ middle)
