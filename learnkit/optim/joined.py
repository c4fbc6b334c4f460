"""Several optimizers that look like one: to the loop, to checkpoints and to schedules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import Optimizer
from typing_extensions import override

from learnkit.optim.closures import asks_for, asks_when_made, words_for
from learnkit.types import OptimizerFactory, ParamGroup


class JoinedOptimizer(Optimizer):
    """Optimizers that share one list of groups and one state, and step one after the other.

    Each passes by parameters whose gradient is None, as those of ``torch.optim`` do. So in a step
    in which only some parameters have gradients, only their optimizer moves anything.

    Args:
        inner: over parameters of their own; their groups follow each other in this order.

    Raises:
        ValueError: when one computes the loss itself within a step, as L-BFGS does.
    """

    def __init__(self, inner: Sequence[Optimizer]) -> None:
        for optimizer in inner:
            if asks_for(optimizer) is not None:
                raise ValueError(_alone(words_for(optimizer)))
        groups = [group for optimizer in inner for group in optimizer.param_groups]
        super().__init__(groups, {})
        named = [(type(o).__name__.lower(), o) for o in inner]
        self.defaults = {f"{name}_{k}": v for name, o in named for k, v in o.defaults.items()}
        self._inner = list(inner)
        self._counts = [len(optimizer.param_groups) for optimizer in inner]
        self._share()

    def _share(self) -> None:
        first = 0
        for optimizer, count in zip(self._inner, self._counts, strict=True):
            optimizer.param_groups = self.param_groups[first : first + count]
            optimizer.state = self.state
            first += count

    @override
    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_inner": self._inner, "_counts": self._counts}

    @override
    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # loading a state comes here too, with groups of its own
        self._share()

    @override
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step with each."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self._inner:
            optimizer.step()
        return loss


@dataclass(frozen=True, slots=True)
class Joined:
    """A factory for ``opt_func``, made by `joined`; it can be compared and printed."""

    factories: tuple[OptimizerFactory, ...]

    def __call__(self, groups: Sequence[ParamGroup], /) -> Optimizer:
        """Build each optimizer over the groups of its layers."""
        last = len(self.factories) - 1
        parts = [[g for g in groups if min(g["layer"], last) == i] for i in range(last + 1)]
        return JoinedOptimizer(
            [make(part) for make, part in zip(self.factories, parts, strict=True) if part]
        )


def joined(*factories: OptimizerFactory) -> Joined:
    """Return an ``opt_func`` with an optimizer of its own for each layer group.

    The first is for the first layer group, and so on; the last one takes all that follow. Rate and
    decay are the fit's, one rate a layer group where they are to differ: ``lr=[1e-4, 4e-4]``.

    Example:
        >>> from learnkit import adamw, sgd
        >>> len(joined(sgd, adamw).factories)
        2

    Args:
        factories: any ``torch.optim`` classes but L-BFGS and Muon, partials of them, or what `opt`
            gives.

    Raises:
        TypeError: when one is no factory, or there is none.
        ValueError: for L-BFGS, which computes the loss itself within a step.
    """
    if not factories or not all(map(callable, factories)):
        found = ", ".join(map(repr, factories)) or "nothing"
        raise TypeError(
            "joined() takes what makes an optimizer from parameter groups, one for each layer "
            f"group, such as joined(sgd, adamw); got {found}."
        )
    if any(map(asks_when_made, factories)):
        raise ValueError(_alone("L-BFGS"))
    return Joined(factories)


def _alone(words: str) -> str:
    return (
        f"{words} computes the loss itself within a step, so it cannot be joined with other "
        "optimizers; train with it alone."
    )
