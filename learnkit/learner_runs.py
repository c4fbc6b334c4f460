"""How a learner calls the loop: one fit, with checkpoints or without."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from learnkit.callback import Callback
from learnkit.callbacks.progress import ProgressBar
from learnkit.callbacks.rates.lr_schedule import LRSchedule
from learnkit.data.skipped import skipped_summary
from learnkit.device import device_words
from learnkit.display import make_display
from learnkit.eject.kept import FitRecord, KeptFits
from learnkit.errors import NonFiniteLossError
from learnkit.forward import Parts
from learnkit.history import History
from learnkit.learner_base import LearnerBase
from learnkit.loop import run_fit
from learnkit.optim import set_rates, spread_rates
from learnkit.plan import FitPlan, opening_line
from learnkit.progress import Progress
from learnkit.runs.checkpoints import SavePlan
from learnkit.state import State
from learnkit.tasks import Task


@dataclass(frozen=True, kw_only=True)
class LastFit:
    """What a learner remembers of its last fit, to look back at it.

    Attributes:
        plan: its settings.
        callbacks: those that take part in a replay.
        folder: of its checkpoints, or None.
        failed_at: the batch whose weights the learner still has, as its loss was not finite.
        kept: what a script of this fit and of those before it is written from.
    """

    plan: FitPlan
    callbacks: tuple[Callback, ...]
    folder: Path | None
    failed_at: int | None = None
    kept: KeptFits = field(default_factory=KeptFits)


class LearnerRuns(LearnerBase):
    """A learner that can be run; see `Learner`."""

    _last: LastFit | None = None
    _branch: str | None = None  # the checkpoint that the next fit starts from
    _cut_at: int | None = None  # batches seen when a fit with checkpoints was interrupted
    _began: Mapping[Path, tuple[Progress, History]] = MappingProxyType({})  # by their folders

    @property
    def last_plan(self) -> FitPlan | None:
        """The settings of the last fit; None before the first."""
        return None if self._last is None else self._last.plan

    def fingerprint(self) -> str:
        """Return a SHA-256 over the data's index, the weights and the settings, as hexadecimal.

        Equal fingerprints mean equal names of files (not what is in them) and labels, splits,
        weights, seeds and options. It goes into every checkpoint and export.
        """
        from learnkit.runs.identity import fingerprint

        return fingerprint(self._identity(), self.model.state_dict())

    def _run(
        self,
        plan: FitPlan,
        callbacks: Sequence[Callback],
        progress: bool,
        save: SavePlan | None = None,
    ) -> History:
        """Run one fit. The one that was interrupted just now goes on from its checkpoints."""
        begins = None if save is None else self._beginning(save)
        kept, self._cut_at = (self._seen, self.history, self._cut_at), None
        if begins is not None:
            self._seen, self.history = begins
        try:
            return self._train(plan, callbacks, progress, save)
        except BaseException:
            if self._last is None or self._last.plan is not plan:  # it was refused
                self._seen, self.history, self._cut_at = kept
            raise

    def _beginning(self, save: SavePlan) -> tuple[Progress, History] | None:
        """Return where the fit began that was interrupted, as its checkpoints will be put back."""
        from learnkit.runs.folder import RunFolder

        folder = self.path / save.where.folder
        here = self._branch is None and self._cut_at == self._seen.batches_seen
        began = self._began.get(folder)
        if save.resume == "never" or not here or began is None or not RunFolder(folder).names():
            return None
        seen, history = began
        return replace(seen), history

    def _train(
        self,
        plan: FitPlan,
        callbacks: Sequence[Callback],
        progress: bool,
        save: SavePlan | None,
    ) -> History:
        began = time.perf_counter()
        rates = spread_rates(plan.lr, len(self.layer_groups))
        set_rates(self.optimizer, rates, plan.weight_decay)
        if save is None and self.nonfinite == "rollback":
            raise ValueError(
                "nonfinite='rollback' goes back to a checkpoint: fit(checkpoint='runs/x')."
            )
        state = self._planned_state(plan)
        bar = self._bar(plan, state, rates)
        shown = [bar] if progress else []
        all_callbacks = [*shown, *self._built_in(plan), *self.callbacks, *callbacks]
        if plan.minutes is not None:  # the last, so that it measures what the others take
            from learnkit.callbacks.stop.time_budget import TimeBudget

            all_callbacks.append(TimeBudget(plan.minutes, began=began))
        parts, history = self._parts(state), History()
        folder = None if save is None else self.path / save.where.folder
        kept = KeptFits() if self._last is None else self._last.kept
        last = LastFit(plan=plan, callbacks=_lasting(all_callbacks), folder=folder, kept=kept)
        # the first, so that it sees the weights before SaveBest puts others in their place
        all_callbacks.insert(0, FitRecord(plan, kept, last.callbacks, self.data))
        try:
            if save is None:
                self._last = last
                run_fit(parts, all_callbacks, history)
            else:
                self._run_saved(parts, all_callbacks, last, rates, save, history, progress)
        except BaseException as error:
            if self._last is last:
                self._cut_at = None if folder is None else state.progress.batches_seen
            if isinstance(error, NonFiniteLossError):
                self._last = replace(last, failed_at=error.step)
            raise
        finally:
            self._branch = None
            self._seen.epochs_before += len(history)
            self._seen.batches_seen = state.progress.batches_seen
            self.history = History([*self.history, *history], stop_reason=history.stop_reason)
        self._say_what_was_skipped(progress)
        return history

    def _run_saved(
        self,
        parts: Parts,
        callbacks: Sequence[Callback],
        last: LastFit,
        rates: Sequence[float],
        save: SavePlan,
        history: History,
        progress: bool,
    ) -> None:
        from learnkit.runs.identity import callbacks_identity, plan_identity
        from learnkit.saved_fit import SavedFit

        identity = self._identity() | plan_identity(last.plan, rates)
        identity |= callbacks_identity(callbacks)

        folder = self.path / save.where.folder
        began = replace(self._seen), self.history

        def begins() -> None:
            self._last, self._began = last, {**self._began, folder: began}

        fit = SavedFit(
            parts,
            callbacks,
            plan=save,
            folder=folder,
            identity=identity,
            before={"earlier": list(self.history), "branch_of": self._branch},
            say=_say if progress else _say_nothing,
            begins=begins,
        )
        fit.run(history)

    def _planned_state(self, plan: FitPlan) -> State:
        state = self._state(self.optimizer, valid_dl=self.data.valid_dl)
        state.progress.epochs_planned = plan.epochs
        state.accumulate_over(plan.accumulate)
        return state

    def _bar(self, plan: FitPlan, state: State, rates: Sequence[float]) -> ProgressBar:
        words = f"{self.precision.name} ({self.precision_reason})"
        line = opening_line(plan, state, rates, precision=words, device=device_words(self.device))
        lines = [line] if self._compiled is None else [line, self._warmed_up(self._compiled)]
        return ProgressBar(lines=lines)

    def _built_in(self, plan: FitPlan) -> list[Callback]:
        return [LRSchedule(plan.schedule, plan.momentum), self.recorder, self._checks]

    def _identity(self) -> dict[str, Any]:
        """Return what decides the numbers, but for the plan of a fit and its callbacks."""
        from learnkit.runs.identity import (
            data_identity,
            described,
            model_identity,
            optimizer_identity,
        )

        settings: dict[str, Any] = {
            "settings.seed": int(self.seed),
            "settings.precision": self.precision.name,
            "settings.device": self.device.type,
            "settings.loss": described(getattr(self.task, "loss_func", self.task)),
            "settings.task": _task_words(self.task),
            "settings.metrics": [metric.name for metric in self.metrics],
            "settings.normalize": described(self.normalize),
            "settings.train_bn": self.train_bn,
            "settings.compile": None if self._compiled is None else str(self._compiled.mode),
            "settings.nonfinite": self.nonfinite,
            "settings.micro_batch": self.micro_batch,
            "start.epochs": self._seen.epochs_before,
            "start.batches": self._seen.batches_seen,
        }
        settings |= optimizer_identity(self.optimizer)
        return data_identity(self.data) | model_identity(self.model) | settings

    def _say_what_was_skipped(self, progress: bool) -> None:
        for name, loader in (("train", self.data.train_dl), ("valid", self.data.valid_dl)):
            line = None if loader is None else skipped_summary(loader, name)
            if line is not None and progress:
                _say(line)


def _task_words(task: Task) -> str:
    options = ", ".join(f"{name}={value}" for name, value in sorted(task.options().items()))
    return f"{task.kind or type(task).__qualname__}({options})"


def _lasting(callbacks: Sequence[Callback]) -> tuple[Callback, ...]:
    return tuple(callback for callback in callbacks if not callback.looks_on)


def _say(line: str) -> None:
    display = make_display("auto", sys.stdout)
    display.line(line)
    display.close()


def _say_nothing(line: str) -> None:
    """Take the place of print."""
