"""The training loop, and the only one.

::

    fit   := before_fit epoch* after_fit              after_fit: exactly once, on errors too
    epoch := before_epoch phase(TRAIN) [phase(VALID)] after_epoch
    phase := before_phase batch* after_phase
    batch := before_batch forward after_forward loss after_loss
             [TRAIN: backward (before_step step after_step)?] after_batch

- Hooks of one event run in list order. A hook nobody overrides costs nothing.
- ``state.stop(reason)`` ends after the current batch: every open ``after_*`` still runs, no further
  batch does. An epoch stopped before its first batch leaves no row.
- ``raise SkipBatch`` drops the rest of one batch; ``after_batch`` still runs.
- Any exception runs ``on_error``, then ``after_fit``, then is raised again. Ctrl-C and SIGTERM wait
  for the end of the batch: a checkpoint is written, every open ``after_*`` runs, then
  KeyboardInterrupt, or SystemExit(143), is treated as any exception. A second one does not wait.
- A step's order: backward, unscale, ``before_step`` (gradients are complete and true), step,
  zero_grad. Accumulation over N batches steps on N, 2N, ... and on the last batch of the phase;
  each group is averaged by its own number of samples. A batch that is skipped before its step
  leaves nothing in its group; a skip in ``before_step`` drops the group.
- A fit that goes on from a checkpoint runs ``before_fit``, and inside an epoch ``before_epoch`` and
  ``before_phase`` too; then all is put back, ``load_state_dict`` included, and the next batch runs.
- Losses and metrics are weighted by samples and gathered on the device.
- Randomness: torch's generators are set to (seed, batches_seen) before each training batch, and to
  (seed, epoch_key) before each epoch and phase; order and augmentation of samples are keyed by
  (seed, epoch_key, index).

Knows tasks, precision, state and callbacks; knows neither the learner nor any one callback.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import torch

from learnkit.callback import Callback
from learnkit.errors import StateError
from learnkit.forward import Parts
from learnkit.history import History
from learnkit.models.fast_body import fast_body, has_fast_body
from learnkit.optim import clear_gradients
from learnkit.phases import Phases, leave, training_batches, validate_within
from learnkit.randomness import kept_generators, seed_generators
from learnkit.signals import Interrupts
from learnkit.state import Phase, SkipBatch
from learnkit.step import TrainRunner
from learnkit.types import BatchLoader, batches_of

if TYPE_CHECKING:  # most fits have no checkpoints
    from learnkit.checkpoint import Snapshot
    from learnkit.runs.moment import Moment, Running, Stage
    from learnkit.runs.saver import Saver

T = TypeVar("T")


def run_fit(
    parts: Parts,
    callbacks: Sequence[Callback],
    history: History,
    *,
    saver: "Saver | None" = None,
    start: "Moment | None" = None,
) -> None:
    """Run the epochs that ``parts.state.progress`` still has to do; add a row for each.

    Args:
        parts: what the loop is put together from.
        callbacks: their hooks run in this order.
        history: gets the rows; of a fit that goes on it has the earlier ones.
        saver: writes checkpoints; None writes none.
        start: the moment to go on from; ``progress`` has its counts already.

    Raises:
        NonFiniteLossError: when the training loss becomes NaN or infinite.
        DataError: when the training loader gives no batch at all.
        KeyboardInterrupt, SystemExit: after Ctrl-C, SIGTERM.
        Exception: whatever a hook, the model or the data raises, after ``on_error``, ``after_fit``.
    """
    state, started = parts.state, []
    clear_gradients(state.optimizer)
    with (
        Interrupts() as interrupts,
        kept_generators(state.device),
        fast_body(state.model, parts.fast, training=True),
    ):
        try:
            for callback in callbacks:
                started.append(callback)
                callback.before_fit(state)
            loop = _Fit(parts, callbacks, history, saver, interrupts)
            loop.run(start)
        except BaseException as error:
            leave(parts)
            told = _explained(error)
            _run_all([partial(c.on_error, state, told) for c in started], after=told)
            _run_all([partial(c.after_fit, state) for c in started], after=told)
            if told is not error:
                raise told from error
            raise
        leave(parts)
        history.stop_reason = state.stop_reason
        _run_all([partial(c.after_fit, state) for c in started])
        if saver is not None:
            saver.save(loop.moment("finished"), steps_done=state.progress.steps_done, wait=True)


def _explained(error: BaseException) -> BaseException:
    if isinstance(error, SkipBatch):
        return StateError(
            "SkipBatch was raised where there is no batch to skip; raise it in before_batch, "
            "after_forward, after_loss or before_step."
        )
    return error


def _run_all(calls: Iterable[Callable[[], None]], *, after: BaseException | None = None) -> None:
    """Make every call even if one fails; then raise the first failure, unless one came before."""
    first: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as error:
            if after is not None:
                after.add_note(f"While handling this, a callback raised {error!r}")
            first = first or error
    if first is not None and after is None:
        raise _explained(first)


class _Fit(Phases):
    """One running fit: its epochs, its checkpoints, and what may interrupt it."""

    def __init__(
        self,
        parts: Parts,
        callbacks: Sequence[Callback],
        history: History,
        saver: "Saver | None",
        interrupts: Interrupts,
    ) -> None:
        super().__init__(parts, callbacks)
        self.callbacks, self.history = callbacks, history
        self.saver, self.interrupts = saver, interrupts
        self.runner = TrainRunner(parts, self.call)
        parts.state.serve(
            validate=partial(validate_within, parts),
            recompute=self.runner.recompute,
            training_batches=partial(training_batches, parts),
        )
        self.began = time.perf_counter()
        self.counts = replace(parts.state.progress)

    def run(self, start: "Moment | None") -> None:
        """Run the epochs that are left, from ``start`` on."""
        state, progress = self.state, self.state.progress
        if start is not None and start.stage == "epoch":
            self.restore(start)
            self.remember()
            start = None
        elif start is None and self.saver is not None:
            self.saver.first(self.moment("epoch"))
        while progress.epochs_done < progress.epochs_planned and state.stop_reason is None:
            self.epoch(start)
            start = None
        if self.interrupts.pending is not None:
            raise self.interrupts.error()

    def epoch(self, at: "Moment | None") -> None:
        """Run an epoch; with ``at``, go on inside it."""
        state = self.state
        self.began = time.perf_counter() - (at.seconds if at is not None else 0.0)
        self.counts = replace(state.progress)
        state.metrics = {}
        self.seed("epoch")
        self.call("before_epoch")
        if at is not None and at.stage == "valid":
            self.restore(at)
            self.remember()
        elif state.train_dl is not None:
            self.seed("train")
            self.phase(Phase.TRAIN, state.train_dl, self.runner, at)
        state.has_row = state.progress.batches_done > 0  # else stopped before its first batch
        if state.valid_dl is not None and state.stop_reason is None:
            self.validate(state.valid_dl)
        state.metrics["seconds"] = time.perf_counter() - self.began
        self.call("after_epoch")
        if state.has_row:
            state.progress.epochs_done += 1
            self.history.append(state.metrics)
        if self.saver is not None and not self.interrupted:
            wait = self.interrupts.pending is not None
            self.saver.save(self.moment("epoch"), steps_done=state.progress.steps_done, wait=wait)

    def validate(self, loader: BatchLoader) -> None:
        """Run the VALID phase. A fit that is stopped in it goes on before it."""
        if self.saver is not None:
            self.saver.hold(self.moment("valid"))
        self.seed("valid")
        self.phase(Phase.VALID, loader, self.runner)
        if self.saver is not None:
            self.saver.hold(None)

    @property
    def interrupted(self) -> bool:
        """Whether a signal has ended the epoch before its end."""
        return (
            self.interrupts.pending is not None and self.state.stop_reason == self.interrupts.reason
        )

    @property
    def running(self) -> "Running":
        """The live objects that a checkpoint is made of."""
        from learnkit.runs.moment import Running

        return Running(
            state=self.state,
            precision=self.parts.precision,
            callbacks=self.callbacks,
            history=self.history,
            group=self.runner.group,
            micro=self.runner.micro,
        )

    def restore(self, at: "Moment") -> None:
        """Make the fit what it was."""
        from learnkit.runs.moment import put_back

        put_back(self.running, at)

    def moment(self, stage: "Stage") -> "Snapshot":
        """Copy the fit as it is."""
        from learnkit.runs.moment import take

        if self.runner.guard is not None:
            self.runner.guard.check_remembered()
        seconds = time.perf_counter() - self.began
        began = self.counts if stage in ("train", "valid") else None
        return take(self.running, stage, seconds=seconds, began=began)

    def seed(self, name: str) -> None:
        """Make what hooks draw outside batches a pure function of (seed, epoch_key)."""
        key = self.state.progress.epoch_key
        seed_generators(self.parts.seed, key, self.state.device, name=name)

    def between_batches(self, train: bool) -> None:
        """Write a checkpoint when it is time; stop when a signal has come."""
        state, saver = self.state, self.saver
        if state.stop_reason is not None:
            return
        signalled = self.interrupts.pending is not None
        if saver is not None and (signalled or saver.due(state.progress.steps_done)):
            steps = state.progress.steps_done
            if train:
                saver.save(self.moment("train"), steps_done=steps, wait=signalled)
            else:
                saver.save_held(steps_done=steps, wait=signalled)
        if signalled:
            state.stop(self.interrupts.reason)

    def put_back(self, at: "Moment", loader: BatchLoader) -> None:
        """Make the fit what it was at ``at``, inside the TRAIN phase."""
        self.restore(at)
        self.remember()

    def remember(self) -> None:
        """Let a frozen body see again what it had seen in the fit's first epoch, and remembers.

        In the same batches: in others its features might differ in the last bit.
        """
        parts, state, progress = self.parts, self.state, self.state.progress
        model, loader = state.model, state.train_dl
        if parts.fast is None or loader is None or not has_fast_body(model):
            return
        n_repeating = self.n_repeating(loader, True)
        seen = None if progress.epochs_done else progress.batches_done
        if not n_repeating or seen == 0:
            return
        modes = [(module, module.training) for module in state.model.modules()]
        state.model.eval()
        with torch.no_grad(), batches_of(loader, progress.epochs_before) as batches:
            for loaded in islice(batches, seen):
                batch = parts.pipeline.prepare(loaded, keys=None)
                parts.fast.announce(batch.x, loader, n_repeating, loaded.indices)
                with parts.precision.forward_context():
                    parts.task.forward(state.model, batch)
        for module, training in modes:
            module.training = training
