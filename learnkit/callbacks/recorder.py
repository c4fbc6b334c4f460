"""Keep every step's rate and loss, for plots."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.state import Phase, State


class Recorder(Callback):
    """Record the learning rate and the training loss of each optimizer step.

    Losses stay on the device until the phase ends, so no step waits for them.

    Attributes:
        lrs: the last parameter group's learning rate, a float per step of this fit.
        losses: the training loss, a float per step of this fit.
        epochs: ``(epoch_key, first training batch)`` of every epoch of every fit.
    """

    def __init__(self) -> None:
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self.epochs: list[tuple[int, int]] = []
        self._pending: list[Tensor] = []

    @override
    def before_fit(self, state: State) -> None:
        self.lrs, self.losses, self._pending = [], [], []

    @override
    def before_phase(self, state: State) -> None:
        if state.phase is Phase.TRAIN:
            progress = state.progress
            began = progress.batches_seen - progress.batches_done
            self.epochs.append((progress.epoch_key, began))

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

    @override
    def state_dict(self) -> dict[str, Any]:
        self._flush()
        return {
            "lrs": torch.tensor(self.lrs, dtype=torch.float64),
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "epochs": torch.tensor(self.epochs, dtype=torch.int64).reshape(-1, 2),
        }

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.lrs, self.losses = state["lrs"].tolist(), state["losses"].tolist()
        self.epochs = [(key, began) for key, began in state["epochs"].tolist()]

    def _flush(self) -> None:
        if self._pending:
            self.losses += torch.stack(self._pending).tolist()
            self._pending = []
