"""Optimizers that compute the loss themselves within a step, and what they ask for.

Most read the gradients that are there. L-BFGS wants them anew at every point that it tries;
`Newton` wants the loss itself, to take second derivatives of it.
"""

from typing import Literal, TypeAlias

import torch
from torch.optim import Optimizer

Asks: TypeAlias = Literal["gradients", "loss"]


def asks_for(optimizer: Optimizer | None) -> Asks | None:
    """Return what the closure of an optimizer's step must do; None for those that need none.

    ``"gradients"``: clear and compute them, and return the loss, as torch documents it.
    ``"loss"``: return the loss with its graph, and leave the gradients alone. An optimizer says so
    by an attribute ``asks_for``.
    """
    if isinstance(optimizer, torch.optim.LBFGS):
        return "gradients"
    asks: Asks | None = getattr(optimizer, "asks_for", None)
    return asks


def asks_when_made(factory: object) -> bool:
    """Whether a factory, or the class in a partial, is L-BFGS: it takes one group of parameters."""
    target = getattr(factory, "func", factory)
    return isinstance(target, type) and issubclass(target, torch.optim.LBFGS)


def words_for(optimizer: Optimizer) -> str:
    """Return how people call an optimizer: ``L-BFGS``."""
    return "L-BFGS" if isinstance(optimizer, torch.optim.LBFGS) else type(optimizer).__name__
