"""Leave BatchNorm's statistics as they came with the weights."""

from torch import nn
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.models.freeze import BATCH_NORMS
from learnkit.names import checked_keywords
from learnkit.state import State


class BnFreeze(Callback):
    """Run BatchNorm layers in eval mode while training: their means and variances stay.

    For small batches, and for data that is like what the weights were trained on. Scales and
    shifts still train, where their layer does. learnkit does this for frozen layers anyway;
    fastai's callback of that name is for those. This one is for layers that train.

    Args:
        head: whether to do so in the last layer group too; where there is but one group, it is
            done in all of it. A new head has no statistics worth keeping.

    Example:
        ``learn.unfreeze().fit(5, callbacks=BnFreeze())``
    """

    @checked_keywords
    def __init__(self, *, head: bool = False) -> None:
        self.head = bool(head)
        self._norms: list[nn.Module] = []

    @override
    def before_fit(self, state: State) -> None:
        groups = state.optimizer.param_groups
        last = max((group.get("layer", 0) for group in groups), default=0)
        whole = self.head or last == 0
        left_out = {
            id(p) for g in groups if not whole and g.get("layer", 0) == last for p in g["params"]
        }
        self._norms = [m for m in state.model.modules() if isinstance(m, BATCH_NORMS)]
        self._norms = [m for m in self._norms if not _any_of(m, left_out)]

    @override
    def before_phase(self, state: State) -> None:
        self._freeze(state)

    @override
    def before_batch(self, state: State) -> None:
        self._freeze(state)  # somebody may have set modes meanwhile

    @override
    def after_fit(self, state: State) -> None:
        self._norms = []  # the loop leaves the model in eval mode

    def _freeze(self, state: State) -> None:
        if state.training:
            for norm in self._norms:
                norm.training = False


def _any_of(module: nn.Module, ids: set[int]) -> bool:
    return any(id(p) in ids for p in module.parameters(recurse=False))
