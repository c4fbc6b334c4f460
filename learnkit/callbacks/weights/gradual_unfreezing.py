"""Train the last layer group first, then one more after each epoch."""

from torch import nn
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.models.freeze import BATCH_NORMS
from learnkit.names import checked_keywords
from learnkit.state import State


class GradualUnfreezing(Callback):
    """Unfreeze the layer groups one by one, from the last to the first.

    As ULMFiT does (Howard and Ruder 2018, arXiv 1801.06146, section 3.3). A model that trains as a
    whole is frozen up to its last group for the start; one that is frozen already begins as it
    is, so that norm layers that train in frozen groups (``train_bn=True``) go on training. What
    has begun to train stays so after the fit, however it ends, and what trained before it does
    too.

    Args:
        every: epochs after which the next group begins, at least 1.
        train_bn: False freezes the BatchNorm layers of all groups but the last for the whole fit.

    Raises:
        ValueError: when ``every`` is out of range, and at the start of a fit of a model that has
            one layer group.

    Example:
        ``learn.fit(4, slice(1e-5, 1e-3), callbacks=GradualUnfreezing())``
    """

    @checked_keywords
    def __init__(self, *, every: int = 1, train_bn: bool = True) -> None:
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ValueError(
                "GradualUnfreezing(): every must be a whole number of epochs of at least 1, "
                f"found {every!r}."
            )
        self.every, self.train_bn = every, train_bn
        self._groups: list[list[nn.Parameter]] = []
        self._frozen: list[nn.Parameter] = []  # by this callback, for now

    @override
    def before_fit(self, state: State) -> None:
        self._groups, self._frozen = _layers(state), []
        if len(self._groups) < 2:
            raise ValueError(
                "GradualUnfreezing() needs a model of several layer groups, found one; give "
                "Learner(splitter=...) a function that returns the groups, early to late."
            )
        norms = set() if self.train_bn else _batch_norms(state.model)
        early = [p for group in self._groups[:-1] for p in group]
        whole = all(p.requires_grad for p in early)
        # first, so that an interrupt in between is undone
        self._frozen = [p for p in early if p.requires_grad and (whole or id(p) in norms)]
        for parameter in self._frozen:
            parameter.requires_grad_(False)
        self._groups = [
            *([p for p in group if id(p) not in norms] for group in self._groups[:-1]),
            self._groups[-1],
        ]

    @override
    def before_epoch(self, state: State) -> None:
        count = 1 + state.progress.epochs_done // self.every
        for group in self._groups[-count:]:
            for parameter in group:
                parameter.requires_grad_(True)

    @override
    def after_fit(self, state: State) -> None:
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        self._groups, self._frozen = [], []


def _layers(state: State) -> list[list[nn.Parameter]]:
    """Return the optimizer's parameters by their layer group, early to late."""
    layers: dict[int, list[nn.Parameter]] = {}
    for group in state.optimizer.param_groups:
        layers.setdefault(int(group.get("layer", 0)), []).extend(group["params"])
    return [layers[number] for number in sorted(layers)]


def _batch_norms(model: nn.Module) -> set[int]:
    modules = [m for m in model.modules() if isinstance(m, BATCH_NORMS)]
    return {id(p) for m in modules for p in m.parameters(recurse=False)}
