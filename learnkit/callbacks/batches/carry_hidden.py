"""What a recurrent model remembers travels from one contiguous batch to the next."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.errors import DataError, ModelError, StateError
from learnkit.randomness import IntArray
from learnkit.state import Phase, State
from learnkit.types import BatchLoader


class CarryHidden(Callback):
    """Begin each batch with the state that the one before it ended with, without its gradient.

    Truncated backpropagation through time (Williams and Peng, 1990): a batch is learned from by
    itself, but read as the continuation that it is. For loaders whose rows go on from batch to
    batch, as those of ``SequenceDataBunch.from_text``, and models such as ``models.char_rnn``. Each
    phase begins with zeros. Rows whose state is not finite begin anew.

    Validation of the fit carries too, so its loss is that of long texts. ``learn.validate()`` and
    ``predict`` know no callbacks and begin each batch, or prompt, with zeros.

    Raises:
        DataError: at the start of the fit, when the training batches do not go on where the last
            ended.
        ModelError: at the start of the fit, when the model has no attribute ``carried``.

    Example:
        ``learn.fit(5, callbacks=CarryHidden())``
    """

    def __init__(self) -> None:
        self._hidden: Tensor | None = None  # (S, layers, B, hidden), after the last whole batch
        self._next: Tensor | None = None  # after the open batch
        self._read = np.zeros(0, dtype=bool)  # which rows of it are known
        self._rows: IntArray | None = None  # which samples are in the open batch
        self._state: State | None = None

    @override
    def before_fit(self, state: State) -> None:
        self._forget()
        if not hasattr(state.model, "carried"):
            raise ModelError(
                "CarryHidden needs a model that can begin with a state, such as models.char_rnn: "
                f"one with an attribute `carried`; {type(state.model).__name__} has none."
            )
        if not _goes_on(state.train_dl):
            raise DataError(
                "CarryHidden needs batches whose rows go on where those of the last batch ended, "
                "as SequenceDataBunch.from_text gives them; a loader says so by `contiguous = "
                f"True`. {type(state.train_dl).__name__} does not."
            )

    @override
    def before_phase(self, state: State) -> None:
        self._forget()
        self._state = state

    @override
    def before_batch(self, state: State) -> None:
        loader = state.train_dl if state.phase is Phase.TRAIN else state.valid_dl
        if _goes_on(loader):
            self._rows, self._next = state.indices, None
            state.model.carried = self  # type: ignore[assignment]

    @override
    def after_batch(self, state: State) -> None:
        if self._next is not None:
            self._hidden = _finite(self._next)
        self._rows = self._next = None
        _let_go(state)

    @override
    def after_fit(self, state: State) -> None:
        self._forget()
        _let_go(state)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"hidden": self._hidden}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._hidden = state["hidden"]

    def begin(self, x: Tensor) -> Tensor | None:
        """Return what the model begins ``x`` with; called by the model."""
        where = self._places(x)
        if where is None or self._rows is None or self._hidden is None:
            return None
        if self._hidden.shape[2] != len(self._rows):  # a batch of another size
            return None
        return self._hidden[:, :, where].to(x.device)

    def finish(self, x: Tensor, state: Tensor) -> None:
        """Keep what the model ended ``x`` with; called by the model."""
        where = self._places(x)
        if where is None or self._rows is None:
            return
        if self._next is None:
            s, layers, _, hidden = state.shape
            self._next = state.new_zeros(s, layers, len(self._rows), hidden)
            self._read = np.zeros(len(self._rows), dtype=bool)
        if not self._read[where].all():  # once: SAM computes a batch again, with other weights
            self._next[:, :, where] = state
            self._read[where] = True

    def _places(self, x: Tensor) -> slice | None:
        """Return the rows of the open batch that ``x`` is, all or a part; None for another x."""
        try:
            if self._state is None or self._rows is None or self._state.batch.x is not x:
                return None
            first = int(np.flatnonzero(self._rows == self._state.indices[0])[0])
        except StateError:
            return None
        return slice(first, first + len(x))

    def _forget(self) -> None:
        self._hidden = self._next = self._rows = self._state = None


def _goes_on(loader: BatchLoader | None) -> bool:
    return bool(getattr(loader, "contiguous", False))


def _let_go(state: State) -> None:
    if hasattr(state.model, "carried"):
        state.model.carried = None  # type: ignore[assignment]


def _finite(hidden: Tensor) -> Tensor:
    """Return zeros for the rows that hold NaN or infinity."""
    good = hidden.isfinite().all(dim=-1, keepdim=True).all(dim=1, keepdim=True)
    return torch.where(good.all(dim=0, keepdim=True), hidden, torch.zeros_like(hidden))
