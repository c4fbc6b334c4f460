"""What an optimizer holds, beside what a model has. Knows torch only."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.sanity.names import few


def missing_weights(model: nn.Module, optimizer: Optimizer) -> str | None:
    """Say which trainable weights of the model the optimizer does not hold, or None.

    A frozen weight in the optimizer is no mistake: freezing leaves it there, and without a gradient
    the optimizer passes it by. See `FrozenWeights` for one that does not.
    """
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    own = {id(parameter) for parameter in model.parameters()}
    missing = [n for n, p in model.named_parameters() if p.requires_grad and id(p) not in held]
    if not missing:
        return None
    gone = len(held - own)
    if gone:
        advice = (
            f"It still holds {gone} that the model has no more, as after a layer was replaced: "
            "make the Learner again, or replace layers before the first fit."
        )
    else:
        advice = "Name every parameter that is to train in splitter=, or freeze the others."
    return f"the optimizer never moves {few(missing)}, which the model has set to train. {advice}"


class FrozenWeights:
    """One number of each frozen weight of an optimizer, to see later whether it moved.

    Every optimizer of torch's passes by a parameter without a gradient. One of a user's own may
    not, and shrink frozen weights by weight decay or go on with their momentum.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer) -> None:
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._frozen: list[tuple[str, nn.Parameter]] = [
            (names[id(parameter)], parameter)
            for group in optimizer.param_groups
            for parameter in group["params"]
            if not parameter.requires_grad and parameter.numel() and id(parameter) in names
        ]
        self._before = self._first_numbers()

    def finding(self) -> str | None:
        """Say which have moved although they are frozen still, or None; this waits."""
        if self._before is None:
            return None
        now = self._first_numbers()
        if now is None:
            return None
        changed = ((now != self._before) & (now == now)).tolist()
        pairs = zip(self._frozen, changed, strict=True)
        moved = [name for (name, p), moves in pairs if moves and not p.requires_grad]
        if not moved:
            return None
        return (
            f"frozen weights have moved: {few(moved)}. An optimizer must pass by parameters whose "
            "grad is None, as those of torch.optim do; see to that in opt_func=, or keep frozen "
            "parameters out of it by splitter=."
        )

    def _first_numbers(self) -> Tensor | None:
        """Return float32 (weights,), a copy on the device of the first."""
        if not self._frozen:
            return None
        with torch.no_grad():
            first = [p[(0,) * p.ndim] for _, p in self._frozen]
            return torch.stack([value.to(first[0].device, torch.float32) for value in first])
