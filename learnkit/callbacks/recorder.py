"""Keep every step's rate and loss, for plots."""

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.state import Phase, State


class Recorder(Callback):
    """Record the learning rate and the training loss of each optimizer step.

    Losses stay on the device until the phase ends, so no step waits for them.

    Attributes:
        lrs: the last parameter group's learning rate, a float per step.
        losses: the training loss, a float per step.
    """

    def __init__(self) -> None:
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self._pending: list[Tensor] = []

    @override
    def before_fit(self, state: State) -> None:
        self.lrs, self.losses, self._pending = [], [], []

    @override
    def after_step(self, state: State) -> None:
        self.lrs.append(state.lr)
        self._pending.append(state.loss.detach())

    @override
    def after_phase(self, state: State) -> None:
        if state.phase is Phase.TRAIN:
            self._flush()

    @override
    def after_fit(self, state: State) -> None:
        self._flush()

    def _flush(self) -> None:
        if self._pending:
            self.losses += torch.stack(self._pending).tolist()
            self._pending = []
