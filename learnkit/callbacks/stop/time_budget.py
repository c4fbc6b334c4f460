"""Fit a training into a given time: what ``fit(minutes=...)`` runs."""

import math
import time
from collections.abc import Callable
from typing import Any

from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.data.warn import warn_user
from learnkit.plan import check_minutes
from learnkit.state import State
from learnkit.types import BatchLoader

SPARE = 0.005  # of the limit, for what nobody has measured
_KEPT = ("_first", "_step", "_valid", "_last_valid", "_after", "_per_number", "_saving", "_reserve")
MEASURED_ANEW = 10  # batches of the first epoch in which the reserve is still learned


class TimeBudget(Callback):
    """Train until the time is over, with validation and the last checkpoint inside it.

    The fraction done is that of the time, so that any schedule ends where it should: before each
    batch ``progress.steps_planned`` becomes the number of steps with which it is. Steps, validation
    and what comes after it are measured as they run; the last epoch is as long as the time allows.
    An epoch after whose validation no time would be left to train is not validated, and a last
    validation that takes far longer than those before it is cut, which a line says.

    Args:
        minutes: for the whole fit, above 0. Time before an interruption counts.
        began: the clock when the fit was asked for.
        clock: seconds that only go up.

    Raises:
        ValueError: when ``minutes`` is no number above 0.
    """

    def __init__(
        self,
        minutes: float,
        *,
        began: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        check_minutes(minutes)
        self.minutes, self.limit = minutes, minutes * 60
        self._clock, self._began = clock, clock() if began is None else began
        self._earlier = 0.0
        self._forget()

    def _forget(self) -> None:
        self._earlier = 0.0  # seconds before an interruption
        self._first: float | None = None  # when the first batch began
        self._opened = self._closed = self.elapsed  # the running phase; the last one
        self._step = self._valid = self._last_valid = self._after = self._per_number = (
            self._saving
        ) = 0.0
        self._reserve = 0.0
        self._put_off: BatchLoader | None = None  # the loader of a validation that is left out
        self._over = False

    @property
    def elapsed(self) -> float:
        """Seconds since the fit was asked for, without those between its parts."""
        return self._earlier + self._clock() - self._began

    @override
    def before_fit(self, state: State) -> None:
        if self._first is not None:  # a second fit with the same object
            self._began = self._clock()
        self._forget()

    @override
    def before_epoch(self, state: State) -> None:
        between = self.elapsed - self._closed
        if state.progress.epochs_done:
            self._after = max(self._after, between)
        else:  # a checkpoint of the start may just have been written
            self._per_number = between / max(1, _numbers(state, optimizer=False))

    @override
    def before_phase(self, state: State) -> None:
        self._opened = self.elapsed
        if state.training:
            self._measure_saving(state)
            self._reserve = self._needed_after_training(state)

    @override
    def before_batch(self, state: State) -> None:
        if not state.training:
            self._cut_validation(state)
            return
        now, progress = self.elapsed, state.progress
        if self._first is None:
            self._first = now
        if progress.epochs_done == 0 and progress.batches_done <= MEASURED_ANEW:
            self._measure_saving(state)
            self._reserve = self._needed_after_training(state)
        end = self.limit - self._reserve
        self._plan(state, (now - self._first) / max(end - self._first, 1e-9), end - now)
        ends_epoch = progress.batches_done + 1 >= progress.batches_planned
        following = now + self._step + (self._after if ends_epoch else 0.0)
        if following + self._step > end:  # no further batch would be done in time
            self._over = True
            progress.epochs_planned = progress.epochs_done + 1
            progress.steps_planned = progress.steps_done + 1
            state.end_phase()

    @override
    def after_batch(self, state: State) -> None:
        done, epochs = state.progress.batches_done, state.progress.epochs_done
        # a fit's first batch is no measure: threads and caches start in it
        if state.training and (done > 1 or epochs):
            self._step = (self.elapsed - self._opened) / done

    @override
    def after_phase(self, state: State) -> None:
        self._closed = self.elapsed
        if not state.training:
            seconds = self._closed - self._opened
            self._valid, self._last_valid = max(seconds, self._last_valid), seconds
        elif not self._over and self._has_room(state) and not self._has_room(state, first=True):
            self._put_off, state.valid_dl = state.valid_dl, None

    @override
    def after_epoch(self, state: State) -> None:
        progress = state.progress
        state.valid_dl, self._put_off = state.valid_dl or self._put_off, None
        self._over = self._over or not self._has_room(state)
        if self._over:
            progress.epochs_planned = progress.epochs_done + 1
        else:
            progress.epochs_planned = max(progress.epochs_planned, progress.epochs_done + 2)

    @override
    def after_fit(self, state: State) -> None:
        if self._over and self.elapsed > 1.02 * self.limit:
            warn_user(
                f"fit(minutes={self.minutes:g}) took {self.elapsed:.3g} s instead of "
                f"{self.limit:.3g}: a step, the validation and the last checkpoint did not fit."
            )

    @override
    def state_dict(self) -> dict[str, Any]:
        now = self.elapsed
        ago = {"opened": now - self._opened, "closed": now - self._closed}
        return {"elapsed": now, **ago, **{name: getattr(self, name) for name in _KEPT}}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._earlier = state["elapsed"]
        now = self.elapsed
        self._opened, self._closed = now - state["opened"], now - state["closed"]
        for name in _KEPT:
            setattr(self, name, state[name])

    def _cut_validation(self, state: State) -> None:
        """End the last validation where it takes far longer than those before it did."""
        progress, now = state.progress, self.elapsed
        batch = (now - self._opened) / max(1, progress.batches_done)
        left = progress.batches_planned - progress.batches_done
        if self._over and left > 1 and now + batch > (1 + SPARE) * self.limit:
            state.end_phase()
            state.say(
                f"the time is over: validated on {progress.batches_done + 1} of "
                f"{progress.batches_planned} batches"
            )

    def _has_room(self, state: State, *, first: bool = False) -> bool:
        """Say whether more batches fit with all that follows, a validation ``first`` or not."""
        needed = self._needed_after_training(state)
        validation = needed - self._needed_after_training(state, validates=False) if first else 0.0
        next_epoch = max(self.elapsed, self._closed + self._after) + validation
        return self.limit - next_epoch >= needed + self._step

    def _plan(self, state: State, fraction: float, left: float) -> None:
        """Let the fraction of steps be that of time, and count the epochs that are to come."""
        progress = state.progress
        if fraction > 0 and progress.steps_done:
            planned = math.ceil(progress.steps_done / min(1.0, fraction))
            progress.steps_planned = max(planned, progress.steps_done + 1)
        epoch = self._step * progress.batches_planned + self._valid + self._after
        if self._step:
            batches_left = progress.batches_planned - progress.batches_done
            more = max(0.0, left - self._step * batches_left)
            progress.epochs_planned = progress.epochs_done + 1 + math.floor(more / epoch)

    def _needed_after_training(self, state: State, *, validates: bool = True) -> float:
        """Return the seconds from the last batch of training to the end of the fit."""
        valid = self._valid if validates else 0.0
        if validates and not valid and state.valid_dl is not None and state.train_dl is not None:
            a_sample = self._step / max(1, state.train_dl.batch_size)
            valid = a_sample * state.valid_dl.n_samples
        return valid + self._after + self._saving + SPARE * self.limit

    def _measure_saving(self, state: State) -> None:
        """Foretell what two checkpoints take, one after the epoch and one after the fit."""
        self._saving = 2 * self._per_number * _numbers(state, optimizer=True)


def _numbers(state: State, *, optimizer: bool) -> int:
    """Return how many numbers a checkpoint holds."""
    tensors = list(state.model.state_dict().values())
    if optimizer:
        kept = state.optimizer.state.values()
        tensors += [v for entry in kept for v in entry.values() if isinstance(v, Tensor)]
    return sum(tensor.numel() for tensor in tensors)
