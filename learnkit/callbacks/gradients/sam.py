"""Sharpness-aware minimization: step by the gradient from the worst place nearby."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.optim import asks_for, words_for
from learnkit.state import State

_TINY = 1e-12  # keeps a gradient of nothing from dividing by nothing


class SAM(Callback):
    """Look for flat minima: each step takes the gradient from a little way up the hill.

    Foret et al. 2021, arXiv 2010.01412, equation 2: the weights climb by ``rho * g / ||g||``, the
    batch is computed again there, and the weights are put back, exactly, before the optimizer moves
    them by the gradient found. A step takes twice the time. ``loss`` and BatchNorm's statistics are
    those of the first pass. Where the gradient up the hill is not finite, the step takes the plain
    one.

    Needs steps of one batch, in fp32 or bf16. `GradientClip` after SAM clips the gradient that the
    optimizer gets; before SAM it clips the one that climbs, which changes its length only.

    Args:
        rho: how far to climb, in the common L2 norm of all weights that train. 0.05 is the paper's;
            with ``adaptive`` about ten times as much.
        adaptive: climb further along larger weights, so that scaling a layer changes nothing
            (Kwon et al. 2021, arXiv 2102.11600, sec. 3): by ``rho * w**2 * g / || |w| * g ||``.

    Raises:
        ValueError: when ``rho`` is out of range; at the start of a fit that accumulates, is in
            fp16, or has L-BFGS.
        StateError: at the first step, when a callback has begun to accumulate since.

    Example:
        ``learn.fit_one_cycle(10, callbacks=SAM(0.05))``
    """

    @checked_keywords
    def __init__(self, rho: float = 0.05, *, adaptive: bool = False) -> None:
        number = isinstance(rho, int | float) and not isinstance(rho, bool)
        if not (number and 0 < rho < math.inf):
            raise ValueError(f"SAM(): rho must be a number above 0, found {rho!r}.")
        if not isinstance(adaptive, bool):
            raise ValueError(f"SAM(): adaptive must be True or False, found {adaptive!r}.")
        self.rho = float(rho)
        self.adaptive = adaptive
        self._kept: list[tuple[nn.Parameter, Tensor]] = []

    @override
    def before_fit(self, state: State) -> None:
        self._kept = []
        if asks_for(state.optimizer) is not None:
            raise ValueError(
                f"SAM changes the gradient of a step, and {words_for(state.optimizer)} computes "
                "its own again and again within it; leave one of the two out."
            )
        if state.accumulate > 1 or state.precision == "fp16":
            many = state.accumulate > 1
            found = f"a step is of {state.accumulate} batches" if many else "the fit is in fp16"
            change = "Leave accumulate out" if many else 'Give precision="fp32" or "bf16"'
            raise ValueError(
                f"SAM computes the batch of a step twice, and {found}: it needs steps of one "
                f"batch, in fp32 or bf16. {change}, or leave SAM out."
            )

    @override
    def before_step(self, state: State) -> None:
        groups = state.optimizer.param_groups
        weights = [p for group in groups for p in group["params"] if p.grad is not None]
        if not weights:
            return
        gradients = [p.grad for p in weights]
        for parameter in weights:
            parameter.grad = None
        self._kept = [(p, p.detach().clone()) for p in weights]
        try:
            _climb(weights, gradients, rho=self.rho, adaptive=self.adaptive)
            state.recompute()
        finally:
            self._put_back()
        _replace_nonfinite(weights, gradients)

    @override
    def after_fit(self, state: State) -> None:
        self._put_back()  # where a second Ctrl-C came while they were put back

    def _put_back(self) -> None:
        with torch.no_grad():
            for parameter, value in self._kept:
                parameter.copy_(value)
        self._kept = []


@torch.no_grad()
def _climb(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], *, rho: float, adaptive: bool
) -> None:
    """Move the weights, in place; nothing is copied to the host."""
    slopes = gradients
    if adaptive:
        slopes = [g * w.abs() for w, g in zip(weights, gradients, strict=True)]
    scale = rho / (_norm(slopes) + _TINY)
    for weight, slope in zip(weights, slopes, strict=True):
        step = slope * scale.to(slope.device, slope.dtype)
        weight.add_(step * weight.abs() if adaptive else step)


@torch.no_grad()
def _replace_nonfinite(weights: Sequence[Tensor], plain: Sequence[Tensor]) -> None:
    """Put the plain gradients in place of those found, on the device, if one of these is NaN."""
    found = [p.grad for p in weights if p.grad is not None]
    if not found:
        return
    finite = torch.isfinite(_norm(found))
    for parameter, gradient in zip(weights, plain, strict=True):
        if parameter.grad is not None:
            parameter.grad = torch.where(finite, parameter.grad, gradient)


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.get_total_norm(tensors)
