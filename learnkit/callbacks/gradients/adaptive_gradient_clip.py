"""Keep gradients small beside the weights that they move."""

import math

from torch import Tensor, nn
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class AdaptiveGradientClip(Callback):
    """Clip the gradient of each output unit to a fraction of the norm of its weights.

    Brock et al. 2021, arXiv 2102.06171, equation 3, by timm's ``adaptive_clip_grad``. As in
    the paper's section 4.1 the last layer is left out. Nothing is copied to the host.

    Args:
        factor: the largest ratio of the norms, above 0; the paper takes 0.01 for batches of 4096
            and more for smaller ones.
        eps: norm that every weight counts with at least, so that zeros can move; above 0.
        last: whether to clip the last layer too.

    Raises:
        ValueError: when an option is out of range.

    Example:
        ``learn.fit(5, callbacks=AdaptiveGradientClip(0.02))``
    """

    @checked_keywords
    def __init__(self, factor: float = 0.01, *, eps: float = 1e-3, last: bool = False) -> None:
        for name, value in (("factor", factor), ("eps", eps)):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and 0 < value < math.inf):
                raise ValueError(
                    f"AdaptiveGradientClip(): {name} must be a number above 0, found {value!r}."
                )
        self.factor, self.eps, self.last = factor, eps, last
        self._left_out: set[int] = set()

    @override
    def before_fit(self, state: State) -> None:
        layers = [m for m in state.model.modules() if any(True for _ in _own(m))]
        self._left_out = {id(p) for p in _own(layers[-1])} if layers and not self.last else set()

    @override
    def before_step(self, state: State) -> None:
        from timm.utils.agc import adaptive_clip_grad

        groups = state.optimizer.param_groups
        parameters: list[Tensor] = [
            p for g in groups for p in g["params"] if id(p) not in self._left_out
        ]
        adaptive_clip_grad(parameters, clip_factor=self.factor, eps=self.eps)

    @override
    def after_fit(self, state: State) -> None:
        self._left_out = set()


def _own(module: nn.Module) -> list[nn.Parameter]:
    return list(module.parameters(recurse=False))
