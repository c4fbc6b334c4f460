"""The running statistics of BatchNorm, computed anew for weights that nobody trained with."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def renew_statistics(model: nn.Module, norms: Sequence[_BatchNorm], xs: Iterable[Tensor]) -> None:
    """Let each norm have the mean of its batches' statistics, each batch counting the same.

    As torch's ``swa_utils.update_bn``, but for these norms alone: one that is frozen keeps what it
    has. All modes and momenta are as before afterwards, after an error too.

    Args:
        model: run on each batch, in eval mode but for ``norms``.
        norms: modules of ``model``.
        xs: inputs of the model.
    """
    modes = [(module, module.training) for module in model.modules()]
    momenta = [norm.momentum for norm in norms]
    try:
        model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum, norm.training = None, True  # None: a plain mean over batches
        for x in xs:
            model(x)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, training in modes:
            module.training = training
