"""Optimizers over layer groups: what decays, and which rate each depth gets."""

import math
from collections.abc import Sequence
from typing import SupportsFloat, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.signals import Interrupts
from learnkit.types import OptimizerFactory, ParamGroup

LearningRate: TypeAlias = float | Sequence[float] | slice
LayerGroups: TypeAlias = Sequence[Sequence[nn.Parameter]]


def adamw(groups: Sequence[ParamGroup], /) -> Optimizer:
    """Build the default optimizer: AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101).

    Betas (0.9, 0.99) and eps 1e-5 are fastai's; fused where torch has it, which on a CPU takes
    about 0.6 of the default's time on a small net.
    """
    devices = {p.device.type for group in groups for p in group["params"]}
    fused = devices <= {"cpu", "cuda"} and _all_floating(groups)
    return torch.optim.AdamW(list(groups), betas=(0.9, 0.99), eps=1e-5, fused=fused)


def sgd(groups: Sequence[ParamGroup], /) -> Optimizer:
    """Build SGD with momentum 0.9."""
    return torch.optim.SGD(list(groups), lr=1e-3, momentum=0.9)


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
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _all_floating(groups: Sequence[ParamGroup]) -> bool:
    return all(p.is_floating_point() for group in groups for p in group["params"])


def build_optimizer(factory: OptimizerFactory, layers: LayerGroups) -> Optimizer:
    """Build an optimizer with up to two parameter groups a layer group: decayed and not.

    Norms' weights and all biases (parameters of one dimension) are not decayed, as is usual since
    Goyal et al. 2017 (arXiv 1706.02677, section 5.3). Each group carries its ``layer`` number.

    Raises:
        ValueError: when there are no parameters.
        KeyboardInterrupt, SystemExit: after Ctrl-C, SIGTERM, once the optimizer is made.
    """
    groups: list[ParamGroup] = []
    for number, layer in enumerate(layers):
        for decayed in (True, False):
            params = [p for p in layer if (p.ndim > 1) is decayed]
            if params:
                groups.append({"params": params, "layer": number, "decayed": decayed})
    if not groups:
        raise ValueError(
            "the model has no parameters, so there is nothing to train; "
            "give Learner a model with at least one nn.Parameter."
        )
    if len(groups) > 1 and _takes_one_group(factory):
        groups = [{"params": [p for g in groups for p in g["params"]], "layer": 0, "decayed": True}]
    with Interrupts():  # torch imports much for its first optimizer; see `signals.import_whole`
        return factory(groups)


def _takes_one_group(factory: OptimizerFactory) -> bool:
    target = getattr(factory, "func", factory)
    return isinstance(target, type) and issubclass(target, torch.optim.LBFGS)


def spread_rates(lr: LearningRate, n_layers: int) -> list[float]:
    """Return one learning rate a layer group, early to late.

    A number goes to every group. ``slice(lo, hi)`` is spread geometrically from ``lo`` to ``hi``;
    ``slice(hi)`` gives the last group ``hi`` and the others a tenth of it, as in fastai. A sequence
    is taken as it is.

    Raises:
        ValueError: when a sequence's length is not the number of groups, or a rate is negative.
    """
    if isinstance(lr, slice):
        rates = _spread_slice(lr, n_layers)
    elif isinstance(lr, Sequence):
        rates = [_number(rate, lr) for rate in lr]
    else:
        rates = [_number(lr, lr)] * n_layers
    if len(rates) != n_layers:
        raise ValueError(
            f"lr has {len(rates)} values and the model has {n_layers} layer groups; "
            "give one number, slice(lo, hi), or one number per group."
        )
    if any(not 0 <= rate < math.inf for rate in rates):
        raise ValueError(f"learning rates must be numbers >= 0; got {rates}.")
    return rates


def _number(rate: object, lr: object) -> float:
    if isinstance(rate, bool) or not isinstance(rate, SupportsFloat):
        raise ValueError(
            "lr must be a number such as 1e-3, slice(lo, hi), or one number per layer group; "
            f"got {lr!r}."
        )
    return float(rate)


def _spread_slice(lr: slice, n_layers: int) -> list[float]:
    if lr.stop is None or lr.step is not None:
        raise ValueError(f"a slice of rates is slice(hi) or slice(lo, hi); got {lr}.")
    hi = _number(lr.stop, lr)
    if lr.start is None:
        return [hi / 10] * (n_layers - 1) + [hi]
    lo = _number(lr.start, lr)
    if n_layers == 1:
        return [hi]
    if lo <= 0 or hi <= 0:
        raise ValueError(f"slice(lo, hi) needs rates above 0; got slice({lo:g}, {hi:g}).")
    return [lo * (hi / lo) ** (i / (n_layers - 1)) for i in range(n_layers)]


def set_rates(optimizer: Optimizer, rates: Sequence[float], weight_decay: float) -> None:
    """Give each parameter group its layer's rate, as ``lr`` and ``initial_lr``, and its decay."""
    if not isinstance(weight_decay, SupportsFloat) or not weight_decay >= 0:
        raise ValueError(f"weight_decay must be a number >= 0; got {weight_decay!r}.")
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = rates[min(group["layer"], len(rates) - 1)]
        if "weight_decay" in group:
            group["weight_decay"] = weight_decay if group["decayed"] else 0.0
