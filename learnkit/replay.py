"""Look again at one batch of the past, as the model saw it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.state import State
from learnkit.types import Batch


@dataclass(frozen=True, eq=False)
class Replay:
    """One batch of training, with all that was computed of it.

    Attributes:
        step: its number among all training batches of the learner, from 0.
        epoch: of the learner, from 1.
        files: the samples' names, in the batch's order.
        batch: x and y as the model saw them, augmented and normalised, on the CPU.
        preds: float32 (B, ...), raw; None where the weights of that step are not known.
        losses: of each sample, float32 (B,); None likewise.
        loss: of the batch; None likewise.
        gradients: by the parameter's name, as the optimizer got them; None likewise.
    """

    step: int
    epoch: int
    files: tuple[str, ...]
    batch: Batch
    preds: Tensor | None = None
    losses: Tensor | None = None
    loss: float | None = None
    gradients: dict[str, Tensor] | None = None

    def __str__(self) -> str:
        head = f"batch {self.step} in epoch {self.epoch}, {len(self.files)} samples"
        if self.loss is None:
            return f"{head}; its weights are not stored, so there is no loss"
        return f"{head}, loss {self.loss:.4g}"

    __repr__ = __str__

    @property
    def worst(self) -> list[tuple[str, float]]:
        """The samples with their losses, the highest first; NaN above all."""
        if self.losses is None:
            return []
        pairs = zip(self.files, self.losses.tolist(), strict=True)
        return sorted(pairs, key=lambda pair: -torch.inf if pair[1] != pair[1] else -pair[1])


class Capture(Callback):
    """Note everything of one training batch, then stop.

    Args:
        step: the batch's number.

    Attributes:
        seen: the batch, its predictions and its loss; None when it was skipped.
        indices: of the samples.
        epoch: of the learner, from 1.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._gradients: dict[str, Tensor] | None = None
        self._has_loss = False
        self.seen: tuple[Batch, Tensor, float] | None = None
        self.indices: list[int] = []
        self.epoch = 0

    @property
    def gradients(self) -> dict[str, Tensor]:
        """By the parameter's name."""
        return self._gradients or {}

    @override
    def after_loss(self, state: State) -> None:
        self._has_loss = self._has_loss or self._is_it(state)

    @override
    def before_step(self, state: State) -> None:
        if self._is_it(state):
            self._gradients = _gradients(state)

    @override
    def after_batch(self, state: State) -> None:
        if not self._is_it(state):
            return
        if self._has_loss:  # a batch that was skipped has none
            x, y = state.batch
            self.indices = state.indices.tolist()
            self.epoch = state.progress.epoch_key + 1
            loss = float(state.loss.detach())
            self.seen = Batch(_kept(x), _kept(y)), _kept(state.preds), loss
        if self._gradients is None:  # no step follows this batch yet
            self._gradients = _gradients(state)
        state.stop("replayed")

    def _is_it(self, state: State) -> bool:
        return state.training and state.progress.batches_seen == self._step + 1


def _kept(value: Tensor) -> Tensor:
    return value.detach().cpu().clone() if isinstance(value, Tensor) else value


def _gradients(state: State) -> dict[str, Tensor]:
    named = state.model.named_parameters()
    return {name: _kept(p.grad) for name, p in named if p.grad is not None}
