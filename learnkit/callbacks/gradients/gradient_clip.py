"""Keep gradients from growing too large."""

import math

from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class GradientClip(Callback):
    """Clip gradients before each step: their common norm, or each value.

    Gradients are complete and unscaled by then, under accumulation and in fp16 too. Nothing is
    copied to the host.

    Args:
        max_norm: scale all gradients down so that their common L2 norm is at most this.
        value: or clamp each gradient to [-value, value].

    Raises:
        ValueError: unless exactly one of the two is given, and is positive.

    Example:
        ``learn.fit(5, callbacks=GradientClip(1.0))``
    """

    @checked_keywords
    def __init__(self, max_norm: float | None = None, *, value: float | None = None) -> None:
        if (max_norm is None) == (value is None):
            raise ValueError(
                "GradientClip() takes either max_norm or value, "
                f"found max_norm={max_norm!r} and value={value!r}."
            )
        for name, limit in (("max_norm", max_norm), ("value", value)):
            number = isinstance(limit, int | float) and not isinstance(limit, bool)
            if limit is not None and not (number and 0 < limit < math.inf):
                raise ValueError(
                    f"GradientClip(): {name} must be a number above 0, found {limit!r}."
                )
        self.max_norm = max_norm
        self.value = value

    @override
    def before_step(self, state: State) -> None:
        groups = state.optimizer.param_groups
        parameters: list[Tensor] = [p for g in groups for p in g["params"] if p.grad is not None]
        if not parameters:
            return
        if self.max_norm is not None:
            clip_grad_norm_(parameters, self.max_norm)
        elif self.value is not None:
            clip_grad_value_(parameters, self.value)
