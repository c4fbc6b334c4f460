"""Train on one batch again and again: a model that cannot learn it by heart has a mistake."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.micro_batch import part_of
from learnkit.state import State
from learnkit.types import Batch


class OverfitOneBatch(Callback):
    """Give every step the first batch of the fit, as it was then: same samples, same augmentation.

    ``train_loss`` must go towards 0 within some dozens of steps. If it does not, look at the
    labels, the loss, the rate, or what is frozen; dropout keeps it up too. A smaller batch, as the
    last of an epoch may be, gets as many of the samples as it has. Validation is as always.

    Loaders still load every batch; ``state.indices`` and messages name those.

    Example:
        ``learn.fit(30, callbacks=OverfitOneBatch())``
    """

    def __init__(self) -> None:
        self._held: Batch | None = None
        self._n = 0  # samples in it

    @override
    def before_fit(self, state: State) -> None:
        self._held = None

    @override
    def before_batch(self, state: State) -> None:
        if not state.training:
            return
        n = len(state.indices)
        if self._held is None:
            self._held, self._n = _copied(state.batch, state.device), n
        # a copy, since models may change what they are given
        state.batch = _copied(part_of(self._held, slice(0, n), self._n), state.device)

    @override
    def after_fit(self, state: State) -> None:
        self._held = None

    @override
    def state_dict(self) -> dict[str, Any]:
        held = None if self._held is None else [self._held.x, self._held.y]
        return {"held": held, "samples": self._n}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        held = state["held"]
        self._held, self._n = None if held is None else Batch(*held), int(state["samples"])


def _copied(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, copy=True)
    if isinstance(value, Mapping):
        return {name: _copied(inner, device) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        copies = [_copied(inner, device) for inner in value]
        return type(value)(*copies) if hasattr(value, "_fields") else type(value)(copies)
    return value
