"""torch's Muon trains matrices only: an AdamW beside it trains everything else."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch.optim import Optimizer
from typing_extensions import override

from learnkit.optim.factories import adamw
from learnkit.types import OptimizerFactory, ParamGroup

_IS_MATRIX: Final = "matrix"  # in a group: Muon's


class MuonAndAdamW(Optimizer):
    """Two optimizers that look like one: they share its groups and its state."""

    def __init__(self, inner: Sequence[Optimizer]) -> None:
        groups = [group for optimizer in inner for group in optimizer.param_groups]
        super().__init__(groups, {})
        named = [(type(o).__name__.lower(), o) for o in inner]
        self.defaults = {f"{name}_{k}": v for name, o in named for k, v in o.defaults.items()}
        self._inner = list(inner)
        self._share()

    def _share(self) -> None:
        for optimizer in self._inner:
            mine = isinstance(optimizer, torch.optim.AdamW)
            optimizer.param_groups = [g for g in self.param_groups if g[_IS_MATRIX] is not mine]
            optimizer.state = self.state

    @override
    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_inner": self._inner}

    @override
    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # loading a state comes here too, with groups of its own
        self._share()

    @override
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step with both."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self._inner:
            optimizer.step()
        return loss


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
                chosen.append({**group, "params": fitting, _IS_MATRIX: is_matrix})
    given = getattr(factory, "keywords", {})
    options = {} if "adjust_lr_fn" in given else {"adjust_lr_fn": "match_rms_adamw"}
    make: Any = factory
    inner = [make(matrices, **options)] if matrices else []
    return MuonAndAdamW([*inner, adamw(rest)] if rest else inner)
