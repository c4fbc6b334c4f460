"""A learner's past, computed again: one batch, the end of an epoch, two runs side by side."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.data.warn import warn_user
from learnkit.eject.kept import KeptFits
from learnkit.errors import CheckpointError, ExportError
from learnkit.gradients import GradientGroup
from learnkit.history import History
from learnkit.learner_fit import LearnerFit
from learnkit.learner_runs import LastFit
from learnkit.loop import run_fit
from learnkit.micro_batch import MicroBatches
from learnkit.names import checked_keywords
from learnkit.optim import put_momentum_back
from learnkit.progress import Progress
from learnkit.state import State
from learnkit.tasks import Supervised, Task
from learnkit.types import Batch

if TYPE_CHECKING:
    from learnkit.checkpoint import Snapshot
    from learnkit.replay import Capture, Replay
    from learnkit.runs.diff import RunDiff
    from learnkit.runs.folder import RunFolder
    from learnkit.runs.moment import Moment, Running


def _check_plain(task: Task) -> None:
    """Refuse a task that does more than ``loss_func(model(x), y)``."""
    kind = type(task)
    known = isinstance(task, Supervised) and not task.moves
    if not known or kind.forward is not Supervised.forward or kind.loss is not Supervised.loss:
        raise ExportError(
            "A plain script cannot be written of this learner: its task is "
            f"{kind.__name__}, and scripts are of loss_func(model(x), y) alone. Keep the model by "
            "learn.export()."
        )


class _StopAfter(Callback):
    """End a fit with an epoch, counted from 1 within the fit."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    @override
    def after_epoch(self, state: State) -> None:
        if state.progress.epochs_done + 1 >= self._epoch:
            state.stop("rewound")


class LearnerPast(LearnerFit):
    """A learner that can look back; see `Learner`."""

    @checked_keywords
    def replay(self, step: int, *, checkpoint: str | PathLike[str] | None = None) -> "Replay":
        """Rebuild a training batch of the past, with files, losses and gradients.

        The fit is run again from the nearest checkpoint before it, beside the learner, which stays
        as it is. Without a checkpoint the batch alone is rebuilt; but after a loss that was not
        finite, the bad batch's own weights are those the learner has.

        Args:
            step: the batch's number, from 0, over all fits of this learner.
            checkpoint: the folder of the fit's checkpoints; that of the last fit by default.

        Raises:
            ValueError: when there was no such step.
            CheckpointError: when no fit has run yet.
        """
        from learnkit.replay import Capture
        from learnkit.runs.folder import RunFolder
        from learnkit.runs.moment import take

        last, seen = self._last_fit("replay"), self._seen.batches_seen
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < seen:
            raise ValueError(f"replay: steps run from 0 to {seen - 1}; got {step!r}.")
        folder = self._past_folder(checkpoint)
        stored = None if folder is None else RunFolder(folder).before(step)
        capture = Capture(step)
        here = take(self._running(last.callbacks), "epoch")
        try:
            start = stored if stored is not None else self._imagined(step)
            self._run_again(start, last, capture)
        finally:
            self._return_to(here, last.callbacks)
        exact = stored is not None or step == last.failed_at
        return self._replayed(step, capture, exact=exact)

    @checked_keywords
    def rewind(self, epoch: int | str, *, checkpoint: str | PathLike[str] | None = None) -> Self:
        """Go back to the end of an epoch of a fit with checkpoints; the next fit is a new branch.

        Weights, optimizer and history are those of that moment. An epoch that is no longer stored
        is trained again from the nearest checkpoint before it, to the same bits.

        Args:
            epoch: of that fit, from 1; 0 is its start, ``"best"`` the best by the monitor of
                ``Checkpoints``, any other text a checkpoint's name.
            checkpoint: the folder of its checkpoints; that of the last fit by default.

        Raises:
            CheckpointError: when there is no such checkpoint.
        """
        from learnkit.runs.folder import RunFolder

        path = self._past_folder(checkpoint)
        if path is None:
            raise CheckpointError(
                "rewind needs the checkpoints of a fit: learn.rewind(3, checkpoint='runs/x')."
            )
        folder = RunFolder(path)
        found = folder.at(epoch)
        if found is None and isinstance(epoch, int):
            found = self._trained_again(folder, epoch)
        if found is None:
            raise CheckpointError(
                f"{folder.path} holds no checkpoint {epoch!r}. It holds: "
                f"{', '.join(folder.names()) or 'none'}."
            )
        self._go_to(found)
        return self

    @checked_keywords
    def diff(self, a: str | PathLike[str], b: str | PathLike[str]) -> "RunDiff":
        """Compare two runs by their checkpoints: settings, and the first step at which they part.

        Raises:
            CheckpointError: when a folder holds no checkpoint.
        """
        from learnkit.runs.diff import diff_runs

        return diff_runs(self.path / a, self.path / b)

    @checked_keywords
    def eject(self, path: str | PathLike[str] = "train.py") -> Path:
        """Write what was trained as one plain PyTorch script without learnkit: the same bits.

        All fits since the learner was made, or since its weights were last set by somebody else,
        are in it, both parts of `fine_tune` too. The script reads files of its own name beside it:
        ``.safetensors`` (the first weights, and data in memory) and ``.json`` (photos' files).

        Args:
            path: of the script, from the learner's ``path`` on.

        Raises:
            ExportError: naming what a plain script cannot do, with nothing written.
            CheckpointError: when the files cannot be written.
        """
        from learnkit.eject.run import Run
        from learnkit.eject.script import eject

        _check_plain(self.task)
        run = Run(
            fits=KeptFits() if self._last is None else self._last.kept,
            data=self.data,
            model=self.model,
            optimizer=self.optimizer,
            loss=getattr(self.task, "loss_func", self.task),
            metrics=self.metrics,
            normalize=self.normalize,
            precision=self.precision.name,
            channels_last=self.precision.channels_last,
            device=self.device,
            seed=self.seed,
            compiled=self._compiled is not None,
            fast=self._fast is not None,
            micro_batch=self.micro_batch,
        )
        return eject(run, self.path / path)

    def _past_folder(self, given: str | PathLike[str] | None) -> Path | None:
        """Return the folder to look back into: the one given, or the last fit's, if it had one."""
        if given is not None:
            return self.path / given
        return None if self._last is None else self._last.folder

    def _last_fit(self, what: str) -> LastFit:
        if self._last is None:
            raise CheckpointError(
                f"{what} looks back at a fit, and this learner has run none in this session. "
                "Call the fit first, with its checkpoint folder; one that is finished returns at "
                "once."
            )
        return self._last

    def _running(self, callbacks: Sequence[Callback]) -> "Running":
        from learnkit.runs.moment import Running

        state = self._state(self.optimizer, valid_dl=None)
        return Running(
            state=state,
            precision=self.precision,
            callbacks=callbacks,
            history=History(),
            group=GradientGroup(self.optimizer),
            micro=MicroBatches(None),
        )

    def _return_to(self, here: "Snapshot", callbacks: Sequence[Callback]) -> None:
        from learnkit.runs.moment import put_back, read_moment

        put_back(self._running(callbacks), read_moment(here, source=Path()))
        self.model.eval()

    def _imagined(self, step: int) -> "Moment":
        """Return the moment before a batch, with the weights of now."""
        from learnkit.runs.moment import read_moment, take

        key, began = max(
            (e for e in self.recorder.epochs if e[1] <= step), key=lambda epoch: epoch[1]
        )
        last = self._last_fit("replay")
        now = read_moment(take(self._running(last.callbacks), "train"), source=Path())
        batches = len(self.data.train_dl)
        progress = Progress(
            epochs_before=key,
            batches_seen=step,
            batches_done=step - began,
            batches_planned=batches,
            epochs_planned=1,
            steps_planned=batches,
        )
        return replace(
            now,
            progress=progress,
            began=replace(progress, batches_done=0, batches_seen=began),
            saved={**now.saved, "progress": progress.state_dict()},
        )

    def _run_again(self, start: "Moment", last: LastFit, *more: Callback) -> tuple[State, History]:
        if last.plan.minutes is not None:
            raise CheckpointError(
                "a fit(minutes=...) went by the clock and cannot be run again to the same bits. "
                "Look back at a fit of epochs."
            )
        state, history = self._planned_state(last.plan), History(start.rows)
        state.progress.load_state_dict(start.began.state_dict())
        # what was left out then is left out again; any other loss is looked at by the user
        looks = self.nonfinite == "skip"
        parts = self._parts(state, looks=looks)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # all has been said when it was trained
            run_fit(parts, [*last.callbacks, *more], history, start=start)
        return state, history

    def _replayed(self, step: int, capture: "Capture", *, exact: bool) -> "Replay":
        from learnkit.replay import Replay

        if capture.seen is None:
            raise CheckpointError(f"replay: batch {step} was skipped by a callback.")
        batch, preds, loss = capture.seen
        files = tuple(self.data.train_dl.describe(i) for i in capture.indices)
        if not exact:
            return Replay(step, capture.epoch, files, batch)
        losses = [self._loss_of(preds, batch, i) for i in range(len(preds))]
        return Replay(
            step,
            capture.epoch,
            files,
            batch,
            preds,
            torch.tensor(losses),
            loss,
            capture.gradients,
        )

    def _loss_of(self, preds: Tensor, batch: Batch, i: int) -> float:
        """Return the loss of one sample, where the loss may have weights of its own: the device."""
        x: object = batch.x
        y: object = batch.y
        one = [
            value[i : i + 1].to(self.device) if isinstance(value, Tensor) else value
            for value in (x, y)
        ]
        pred = preds[i : i + 1].to(self.device)
        return float(self.task.loss(pred, Batch(*one)).detach())  # type: ignore[arg-type]

    def _trained_again(self, folder: "RunFolder", epoch: int) -> "Moment | None":
        from learnkit.runs.moment import read_moment, take

        last = self._last
        start = folder.before_epoch(epoch)
        known = last is not None and last.folder == folder.path  # else the plan is another one
        if last is None or not known or start is None or epoch > last.plan.epochs:
            return None
        warn_user(f"epoch {epoch} is not stored; it is trained again from {start.source.name}.")
        state, history = self._run_again(start, last, _StopAfter(epoch))
        running = replace(self._running(last.callbacks), state=state, history=history)
        moment = read_moment(take(running, "epoch"), source=start.source)
        return replace(moment, head=start.head)

    def _go_to(self, found: "Moment") -> None:
        from learnkit.runs.moment import put_back

        running = self._running((self.recorder,))
        put_back(running, found)
        for group in self.optimizer.param_groups:
            put_momentum_back(group)
        self.model.eval()
        progress = found.progress
        self._seen = Progress(
            epochs_before=progress.epochs_before + len(found.rows),
            batches_seen=progress.batches_seen,
        )
        self.history = History([*found.head.get("earlier", []), *found.rows])
        self._branch = f"{found.source.parent.name}/{found.source.name}"
