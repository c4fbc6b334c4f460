"""Notice a training loss that is NaN or infinite before the weights move, and say where.

On a CPU every loss is looked at. On a GPU that would make each step wait, so there the first bad
batch is remembered on the device, which itself keeps the optimizer from moving the weights from
then on, and the host asks once in a while.
"""

import math
from typing import Final, Literal, NoReturn, TypeAlias

import torch
from torch import Tensor
from torch.optim import Optimizer

from learnkit.data.warn import warn_user
from learnkit.errors import NonFiniteLossError
from learnkit.names import did_you_mean
from learnkit.state import SkipBatch, State
from learnkit.types import batches_of

NonFinite: TypeAlias = Literal["stop", "skip", "rollback"]
_OPTIONS: Final = ("stop", "skip", "rollback")

# On a GPU the question waits for the device once in so many batches, and at the end of the phase.
CHECK_EVERY: Final = 100
NAMED: Final = 8  # files in the message


def check_nonfinite(value: object) -> None:
    """Raise ValueError unless ``value`` is a way to deal with a loss that is not finite."""
    if value not in _OPTIONS:
        raise ValueError(
            f"nonfinite must be one of {', '.join(_OPTIONS)}; got {value!r}."
            f"{did_you_mean(str(value), _OPTIONS)}"
        )


class FiniteGuard:
    """Watches the losses of one fit.

    Args:
        state: of the fit.
        skip: leave a bad batch out, with a warning for the first, instead of ending the fit.
        waits: whether each loss is read before the step. False needs an optimizer that can be held
            back on the device: torch's fused ones.

    Attributes:
        skipped: batches left out.
        bad: True on the device once a loss was bad; None where each loss is read.
    """

    def __init__(self, state: State, *, skip: bool = False, waits: bool = True) -> None:
        self._state, self._skip, self._waits = state, skip, waits
        self.bad: Tensor | None = None
        self._first_bad: Tensor | None = None
        self._last_good: Tensor | None = None  # the last loss before it
        self._last_finite = math.nan
        self._rates: dict[int, float] = {}  # of the batches that were not asked about yet
        self._phase_began = 0  # the step of the phase's first batch
        self.skipped = 0

    def check(self) -> None:
        """Look at ``state.loss``, between forward and backward.

        Raises:
            NonFiniteLossError: naming epoch, batch, learning rate and samples.
            SkipBatch: when such batches are left out.
        """
        state, done = self._state, self._state.progress.batches_done
        self._phase_began = state.progress.batches_seen - 1 - done
        loss = state.loss.detach()
        if self._waits:
            value = loss.item()
            if math.isfinite(value):
                self._last_finite = value
                return
            error = self._error(value, done, state.indices.tolist(), state.lr)
            if not self._skip:
                raise error
            self._leave_out(error)
        self._remember(loss, done)
        if (done + 1) % CHECK_EVERY == 0:
            self.check_remembered()

    def _remember(self, loss: Tensor, done: int) -> None:
        """Note on the device whether this loss is the first bad one."""
        if self._first_bad is None or self._last_good is None:
            self._first_bad = torch.full((), torch.inf, device=loss.device)
            self._last_good = torch.full_like(loss, self._last_finite)
        now = torch.where(torch.isfinite(loss), torch.inf, float(done))
        torch.minimum(self._first_bad, now, out=self._first_bad)
        self.bad = torch.isfinite(self._first_bad)
        self._last_good = torch.where(self.bad, self._last_good, loss)
        self._rates[done] = self._state.lr

    def hold_back(self, optimizer: Optimizer) -> None:
        """Keep the optimizer from moving any weight once a loss was bad, without asking the host.

        By the way that torch's own gradient scaler takes with fused optimizers. These are not ready
        for it before they have a state: SGD's first momentum would be whatever is in memory.

        Raises:
            NonFiniteLossError: as `check`, before the first step.
        """
        if not optimizer.state:
            self.check_remembered()
        if self.bad is not None:
            optimizer.found_inf = self.bad.float()  # type: ignore[attr-defined]

    def let_go(self, optimizer: Optimizer) -> None:
        """Undo `hold_back`."""
        if self.bad is not None:
            del optimizer.found_inf  # type: ignore[attr-defined]

    def check_remembered(self) -> None:
        """Ask the device whether a batch was bad; call it at the end of a phase.

        Raises:
            NonFiniteLossError: as `check`.
        """
        if self._first_bad is None or self._last_good is None:
            return
        first, self._last_finite = float(self._first_bad), float(self._last_good)
        rates, self._rates = self._rates, {}
        self._first_bad = self._last_good = self.bad = None
        train_dl = self._state.train_dl
        if math.isfinite(first) and train_dl is not None:
            batch = int(first)
            with batches_of(train_dl, self._state.progress.epoch_key, start=batch) as again:
                indices = next(again).indices.tolist()
            raise self._error(None, batch, indices, rates[batch])

    def _leave_out(self, error: NonFiniteLossError) -> NoReturn:
        self.skipped += 1
        if self.skipped == 1:
            warn_user(f"A batch is left out, as is every other like it: {error}")
        raise SkipBatch

    def _error(
        self, value: float | None, batch: int, indices: list[int], rate: float
    ) -> NonFiniteLossError:
        state, progress = self._state, self._state.progress
        names = [state.train_dl.describe(i) for i in indices] if state.train_dl else []
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        known = not math.isnan(self._last_finite)
        last = f" The last finite loss was {self._last_finite:.4g}." if known else ""
        step = self._phase_began + batch
        found = "nan or infinite" if value is None else "nan" if math.isnan(value) else "infinite"
        error = NonFiniteLossError(
            f"the training loss became {found} in epoch {progress.epochs_done + 1}, batch "
            f"{batch + 1}, at learning rate {rate:.3g}.{last} The batch holds: "
            f"{', '.join(names[:NAMED])}{more}. The weights are those before this batch, and "
            f"learn.replay({step}) gives it as the model saw it. Try a lower learning rate "
            "(learn.lr_find() suggests one), callbacks=GradientClip(1.0) or precision='fp32', and "
            "check these samples; nonfinite='skip' leaves such batches out."
        )
        error.step = step
        return error


def can_be_held_back(optimizer: Optimizer) -> bool:
    """Say whether the optimizer can be kept from moving the weights on the device."""
    return bool(getattr(optimizer, "_step_supports_amp_scaling", False))
