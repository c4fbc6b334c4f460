"""Train a model for a while and take it all back: for what only wants to know something."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn

from learnkit.precision import Precision
from learnkit.signals import Interrupts


@contextmanager
def kept_model(model: nn.Module) -> Iterator[None]:
    """Put the model back on leaving, bit for bit, after an error or Ctrl-C too.

    Weights, buffers (those that no checkpoint holds as well, and those that a module replaced by
    new ones), gradients, which parameters train, and the modes of all modules. The copy lies in
    main memory, and it is the same tensors that come back, so that whoever holds one holds it
    still. A signal that comes meanwhile waits for the end.
    """
    tensors = list(chain(model.parameters(), model.buffers()))
    with torch.no_grad():
        values = [tensor.detach().to("cpu", copy=True) for tensor in tensors]
    held = [(module._buffers, dict(module._buffers)) for module in model.modules()]
    gradients = [(p, p.requires_grad, p.grad) for p in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    for parameter, _, _ in gradients:
        parameter.grad = None  # a fit adds to what it finds, or overwrites it
    try:
        yield
    finally:
        with Interrupts(), torch.no_grad():
            for now, before in held:
                now.update(before)
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)
            for parameter, trains, gradient in gradients:
                parameter.requires_grad_(trains)
                parameter.grad = gradient
            for module, training in modes:
                module.training = training


@contextmanager
def kept_scale(precision: Precision) -> Iterator[None]:
    """Put the loss scale back on leaving."""
    scale = precision.state_dict()
    try:
        yield
    finally:
        precision.load_state_dict(scale)
