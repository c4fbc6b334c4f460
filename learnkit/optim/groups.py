"""An optimizer over layer groups: what decays, and which rate and decay each group gets."""

import math
from collections.abc import Sequence
from typing import SupportsFloat, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer

from learnkit.optim.closures import asks_when_made
from learnkit.optim.matrices import is_muon, muon_and_adamw
from learnkit.signals import Interrupts
from learnkit.types import OptimizerFactory, ParamGroup

LayerGroups: TypeAlias = Sequence[Sequence[nn.Parameter]]


def build_optimizer(factory: OptimizerFactory, layers: LayerGroups) -> Optimizer:
    """Build an optimizer with up to two parameter groups a layer group: decayed and not.

    Norms' weights and all biases (parameters of one dimension) are not decayed, as is usual since
    Goyal et al. 2017 (arXiv 1706.02677, section 5.3). Each group carries its ``layer`` number.
    ``torch.optim.Muon`` gets the matrices, and an AdamW beside it the rest; see `muon_and_adamw`.

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
    if asks_when_made(factory):
        groups = [_as_one(groups)]
    with Interrupts():  # torch imports much for its first optimizer; see `signals.import_whole`
        return muon_and_adamw(factory, groups) if is_muon(factory) else factory(groups)


def _as_one(groups: Sequence[ParamGroup]) -> ParamGroup:
    """Return one group of all parameters, row by row in memory: L-BFGS joins them end to end."""
    params: list[nn.Parameter] = [p for group in groups for p in group["params"]]
    for parameter in params:
        parameter.data = parameter.data.contiguous()
    return {"params": params, "layer": 0, "decayed": True}


def set_rates(optimizer: Optimizer, rates: Sequence[float], weight_decay: float) -> None:
    """Give each parameter group its layer's rate, as ``lr`` and ``initial_lr``, and its decay.

    An optimizer that has no decay, such as L-BFGS or Rprop, is left without.

    Raises:
        ValueError: when ``weight_decay`` is no number from 0, or layers get different rates of an
            optimizer that has one.
    """
    if not isinstance(weight_decay, SupportsFloat) or not 0 <= weight_decay < math.inf:
        raise ValueError(f"weight_decay must be a number >= 0; got {weight_decay!r}.")
    if isinstance(optimizer, torch.optim.LBFGS) and len(set(rates)) > 1:
        raise ValueError(
            "L-BFGS has one learning rate for all layers; give one number, such as lr=0.5. Got "
            f"{', '.join(f'{rate:.3g}' for rate in rates)}."
        )
    for group in optimizer.param_groups:
        rate = rates[min(group["layer"], len(rates) - 1)]
        group["lr"] = group["initial_lr"] = rate
        if "max_lr_snapshot" in group and rate > 0:  # timm scales a corrected decay by it
            group["max_lr_snapshot"] = rate
        if "weight_decay" in group:
            group["weight_decay"] = weight_decay if group["decayed"] else 0.0


def has_decay(optimizer: Optimizer) -> bool:
    """Say whether the optimizer can decay weights at all."""
    return any("weight_decay" in group for group in optimizer.param_groups)
