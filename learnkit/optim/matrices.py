"""torch's Muon trains matrices only: an AdamW beside it trains everything else."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from learnkit.optim.factories import adamw
from learnkit.optim.joined import JoinedOptimizer
from learnkit.types import OptimizerFactory, ParamGroup


class MuonAndAdamW(JoinedOptimizer):
    """Muon and AdamW, joined; with a name of its own for messages."""


def is_muon(factory: OptimizerFactory) -> bool:
    """Say whether a factory is ``torch.optim.Muon`` or a partial of it; torch has it since 2.9."""
    muon = getattr(torch.optim, "Muon", None)
    return muon is not None and getattr(factory, "func", factory) is muon


def muon_and_adamw(factory: OptimizerFactory, groups: Sequence[ParamGroup]) -> Optimizer:
    """Build Muon over the body's matrices and AdamW over the rest.

    Jordan et al. 2024 (kellerjordan.github.io/posts/muon) leave vectors and the last layer to
    AdamW. Here the last layer is the last of several layer groups; kernels of convolutions are no
    matrices to torch (timm's Muon, ``opt("muon")``, flattens them). Muon's steps are scaled to the
    size of AdamW's (Liu et al. 2025, arXiv 2502.16982, equation 4), so that one rate suits both,
    unless the factory says ``adjust_lr_fn``.
    """
    last = max(group["layer"] for group in groups)
    matrices: list[ParamGroup] = []
    rest: list[ParamGroup] = []
    for group in groups:
        is_head = last > 0 and group["layer"] == last
        for chosen, is_matrix in ((matrices, True), (rest, False)):
            fitting = [p for p in group["params"] if (p.ndim == 2 and not is_head) is is_matrix]
            if fitting:
                chosen.append({**group, "params": fitting, "matrix": is_matrix})
    given = getattr(factory, "keywords", {})
    options = {} if "adjust_lr_fn" in given else {"adjust_lr_fn": "match_rms_adamw"}
    make: Any = factory
    inner = [make(matrices, **options)] if matrices else []
    return MuonAndAdamW([*inner, adamw(rest)] if rest else inner)
