"""Notice a training loss that is NaN or infinite, and say where it happened.

On a CPU every loss is looked at before the weights move. On a GPU that would make each step wait,
so the first bad batch is remembered on the device and asked for once in a while.
"""

import math

import torch
from torch import Tensor

from learnkit.errors import NonFiniteLossError
from learnkit.state import State

# On a GPU the question waits for the device once in so many batches, and at the end of the phase.
CHECK_EVERY = 100
NAMED = 8  # files in the message


class FiniteGuard:
    """Watches the losses of one fit."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._first_bad: Tensor | None = None
        self._last_finite = math.nan

    def check(self) -> None:
        """Look at ``state.loss``, between forward and backward.

        Raises:
            NonFiniteLossError: naming epoch, batch, learning rate and samples.
        """
        state, done = self._state, self._state.progress.batches_done
        loss = state.loss.detach()
        if state.device.type == "cpu":
            value = loss.item()
            if not math.isfinite(value):
                raise self._error(value, done, state.indices.tolist())
            self._last_finite = value
            return
        if self._first_bad is None:
            self._first_bad = torch.full((), torch.inf, device=loss.device)
        bad = torch.where(torch.isfinite(loss), torch.inf, float(done))
        torch.minimum(self._first_bad, bad, out=self._first_bad)
        if (done + 1) % CHECK_EVERY == 0:
            self.check_remembered()

    def check_remembered(self) -> None:
        """Ask the device whether a batch was bad; call it at the end of a phase.

        Raises:
            NonFiniteLossError: as `check`.
        """
        if self._first_bad is None:
            return
        first, self._first_bad = float(self._first_bad), None
        train_dl = self._state.train_dl
        if math.isfinite(first) and train_dl is not None:
            again = train_dl.batches(self._state.progress.epoch_key, start=int(first))
            raise self._error(math.nan, int(first), next(again).indices.tolist())

    def _error(self, value: float, batch: int, indices: list[int]) -> NonFiniteLossError:
        state = self._state
        names = [state.train_dl.describe(i) for i in indices] if state.train_dl else []
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        known = not math.isnan(self._last_finite)
        last = f" The last finite loss was {self._last_finite:.4g}." if known else ""
        found = "nan" if math.isnan(value) else "infinite"
        return NonFiniteLossError(
            f"the training loss became {found} in epoch {state.progress.epochs_done + 1}, batch "
            f"{batch + 1}, at learning rate {state.lr:.3g}.{last} The batch holds: "
            f"{', '.join(names[:NAMED])}{more}. Try a lower learning rate (learn.lr_find() "
            "suggests one), callbacks=GradientClip(1.0) or precision='fp32', and check these "
            "samples. If the weights are bad already, make or load the learner again."
        )
