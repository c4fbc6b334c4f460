"""What an optimizer holds beside its settings: the gradients it reads, and its state."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim import Optimizer


def clear_gradients(optimizer: Optimizer) -> None:
    """Let go of all gradients.

    As ``zero_grad(set_to_none=True)``, without its entry in the profiler, which costs a small net
    more than the work.
    """
    if type(optimizer).zero_grad is not Optimizer.zero_grad:
        optimizer.zero_grad(set_to_none=True)  # it has more to do
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def match_layouts(optimizer: Optimizer) -> None:
    """Give the optimizer's state the memory order of its parameters.

    A file holds tensors row by row; the fused steps of torch walk a parameter and its state in
    memory order, and mix up their elements when a parameter is channels-last and its state is not.
    """
    for each in _whole(optimizer):
        for parameter, state in each.state.items():
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _whole(optimizer: Optimizer) -> Iterator[Optimizer]:
    """Give the optimizer, and the one that timm's Lookahead has around which it steps."""
    yield optimizer
    inner = getattr(optimizer, "_base_optimizer", None)
    if isinstance(inner, Optimizer):
        yield inner
