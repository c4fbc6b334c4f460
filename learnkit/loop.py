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
- Any exception, KeyboardInterrupt too, runs ``on_error``, then ``after_fit``, then is raised again.
- Order of a step: backward, unscale, ``before_step`` (gradients are complete and true), step,
  zero_grad. Accumulation over N batches steps on N, 2N, ... and on the last batch of the phase;
  each group is averaged by its own number of samples. A group whose last batch is skipped before
  its backward goes on into the next one; a skip in ``before_step`` drops the group.
- Losses and metrics are weighted by samples and gathered on the device.
- Randomness: before each training batch torch's generators are set to (seed, batches_seen); order
  and augmentation of samples are keyed by (seed, epoch_key, index).

Knows tasks, precision, state and callbacks; knows neither the learner nor any one callback.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from learnkit.callback import HOOKS, Callback, overriders
from learnkit.data.batch import BatchPipeline
from learnkit.errors import DataError, StateError
from learnkit.finite import FiniteGuard
from learnkit.history import History
from learnkit.metrics import Metric
from learnkit.models.fast_body import FastBody, fast_body
from learnkit.models.freeze import train_mode
from learnkit.optim import clear_gradients
from learnkit.precision import Precision
from learnkit.randomness import SampleKeys, kept_generators, seed_generators
from learnkit.state import Phase, SkipBatch, State
from learnkit.task import Task, check_loss
from learnkit.types import Batch, BatchLoader, Loaded, RepeatingLoader, batches_of

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What a loop is put together from.

    Attributes:
        state: the view that hooks get.
        task: what a step computes.
        precision: in which numbers.
        pipeline: what happens to a batch on the device.
        metrics: computed in the VALID phase.
        seed: what every random choice depends on.
        accumulate: batches per optimizer step.
        stop_at_nonfinite: whether a NaN or infinite training loss is an error.
        fast: how a body that does not train is run; None runs it as it is.
    """

    state: State
    task: Task
    precision: Precision
    pipeline: BatchPipeline
    metrics: Sequence[Metric] = ()
    seed: int = 0
    accumulate: int = 1
    stop_at_nonfinite: bool = True
    fast: FastBody | None = None


def run_fit(parts: Parts, callbacks: Sequence[Callback], history: History) -> None:
    """Run ``parts.state.progress.epochs_planned`` epochs; add a row to ``history`` for each.

    Raises:
        NonFiniteLossError: when the training loss becomes NaN or infinite.
        DataError: when the training loader gives no batch at all.
        Exception: whatever a hook, the model or the data raises, after ``on_error``, ``after_fit``.
    """
    state, started = parts.state, []
    clear_gradients(state.optimizer)
    with kept_generators(state.device), fast_body(state.model, parts.fast, training=True):
        try:
            for callback in callbacks:
                started.append(callback)
                callback.before_fit(state)
            loop = _Loop(parts, callbacks)
            while state.progress.epochs_done < state.progress.epochs_planned:
                if state.stop_reason is not None:
                    break
                loop.epoch(history)
        except BaseException as error:
            _leave(parts)
            told = _explained(error)
            _run_all([partial(c.on_error, state, told) for c in started], after=told)
            _run_all([partial(c.after_fit, state) for c in started], after=told)
            if told is not error:
                raise told from error
            raise
        _leave(parts)
        history.stop_reason = state.stop_reason
        _run_all([partial(c.after_fit, state) for c in started])


def evaluate(parts: Parts, loader: BatchLoader) -> dict[str, float]:
    """Compute ``valid_loss`` and the metrics over one loader, without hooks."""
    try:
        with fast_body(parts.state.model, parts.fast, training=False):
            _Loop(parts, ()).phase(Phase.VALID, loader)
    finally:
        _leave(parts)
    return dict(parts.state.metrics)


def _leave(parts: Parts) -> None:
    """Close the state's windows, drop gradients, and put the model in eval mode."""
    parts.state.close()
    parts.state.model.eval()
    parts.state.model.zero_grad(set_to_none=True)


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


class _Loop:
    """One running fit: the hooks of each event, and the counters of the current phase."""

    def __init__(self, parts: Parts, callbacks: Sequence[Callback]) -> None:
        self.parts, self.state = parts, parts.state
        self.hooks = {hook: overriders(callbacks, hook) for hook in HOOKS}
        self.group_batches = self.group_samples = 0
        self.loader: BatchLoader | None = None
        self.n_repeating = 0
        self.guard = FiniteGuard(self.state) if parts.stop_at_nonfinite else None

    def call(self, hook: str) -> None:
        for function in self.hooks[hook]:
            function(self.state)

    def epoch(self, history: History) -> None:
        state, started = self.state, time.perf_counter()
        state.metrics = {}
        self.call("before_epoch")
        if state.train_dl is not None:
            self.phase(Phase.TRAIN, state.train_dl)
        trained = state.progress.batches_done > 0
        if state.valid_dl is not None and state.stop_reason is None:
            self.phase(Phase.VALID, state.valid_dl)
        state.metrics["seconds"] = time.perf_counter() - started
        self.call("after_epoch")
        if trained:  # else it was stopped before its first batch
            state.progress.epochs_done += 1
            history.append(state.metrics)

    def phase(self, phase: Phase, loader: BatchLoader) -> None:
        state, train = self.state, phase is Phase.TRAIN
        state.open_phase(phase, batches=len(loader))
        if train:
            train_mode(state.model)
        else:
            state.model.eval()
        for metric in self.parts.metrics:
            metric.reset()
        self.call("before_phase")
        if state.stop_reason is None:
            self.run_batches(loader, train)
        self.finish_phase(train, loader)
        self.call("after_phase")
        state.close()

    def run_batches(self, loader: BatchLoader, train: bool) -> None:
        state = self.state
        self.loader, self.n_repeating = loader, 0
        changed = train and bool(self.parts.pipeline.tfms)
        if isinstance(loader, RepeatingLoader) and not changed:
            self.n_repeating = loader.n_repeating
        epoch = state.progress.epoch_key if train else 0
        with torch.set_grad_enabled(train), batches_of(loader, epoch) as batches:
            for loaded, is_last in _with_last(batches):
                if train:
                    self.train_batch(loaded, is_last)
                else:
                    self.valid_batch(loaded)
                if state.stop_reason is not None:
                    break

    def train_batch(self, loaded: Loaded, is_last: bool) -> None:
        state, parts = self.state, self.parts
        progress = state.progress
        seed_generators(parts.seed, progress.batches_seen, state.device)
        progress.batches_seen += 1
        self.open_batch(loaded, SampleKeys(parts.seed, progress.epoch_key, loaded.indices))
        try:
            self.forward_and_loss()
            if self.guard is not None:
                self.guard.check()
            self.backward()
            stepping = is_last or state.stop_reason is not None
            if stepping or self.group_batches >= parts.accumulate:
                self.step()
        except SkipBatch:
            pass
        self.end_batch()

    def valid_batch(self, loaded: Loaded) -> None:
        state = self.state
        self.open_batch(loaded, None)
        try:
            self.forward_and_loss()
            for metric in self.parts.metrics:
                metric.update(state.preds, state.batch.y)
        except SkipBatch:
            pass
        self.end_batch()

    def open_batch(self, loaded: Loaded, keys: SampleKeys | None) -> None:
        batch = self.parts.pipeline.prepare(loaded, keys=keys)
        self.state.open_batch(batch, loaded.indices)
        if self.n_repeating and self.parts.fast is not None:
            self.parts.fast.announce(batch.x, self.loader, self.n_repeating, loaded.indices)

    def end_batch(self) -> None:
        self.state.progress.batches_done += 1
        self.call("after_batch")
        self.state.close_batch()

    def forward_and_loss(self) -> None:
        state, task = self.state, self.parts.task
        self.call("before_batch")
        try:
            with self.parts.precision.forward_context():
                preds = task.forward(state.model, state.batch)
        except Exception as error:
            error.add_note(_given_to_the_model(state.batch))
            raise
        state.preds = _full(preds)
        self.call("after_forward")
        first = state.progress.batches_done == 0
        if first:
            task.check(state.preds, state.batch)
        try:
            state.loss = task.loss(state.preds, state.batch)
        except Exception:
            task.check(state.preds, state.batch)  # says it better, if it is a target's fault
            raise
        if first:
            check_loss(state.loss, state.model, training=state.training)
        self.call("after_loss")
        state.add_loss(state.loss, len(state.indices))

    def backward(self) -> None:
        samples = len(self.state.indices)
        if self.parts.accumulate == 1:
            self.parts.precision.backward(self.state.loss)
        else:
            # the sum over the group, in units of a full batch so that fp16 scaling stays sound;
            # `step` divides by the samples that the group turns out to have
            self.parts.precision.backward(self.state.loss * (samples / self.nominal))
        self.group_batches += 1
        self.group_samples += samples

    @property
    def nominal(self) -> int:
        return self.state.train_dl.batch_size if self.state.train_dl is not None else 1

    def step(self) -> None:
        state, precision = self.state, self.parts.precision
        optimizer = state.optimizer
        precision.unscale(optimizer)
        if self.parts.accumulate > 1:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.mul_(self.nominal / self.group_samples)
        try:
            self.call("before_step")
        except SkipBatch:
            self.drop_group()  # its gradients are averaged already, and cannot be added to
            raise
        closure = self.closure if isinstance(optimizer, torch.optim.LBFGS) else None
        stepped = precision.step(optimizer, closure)
        self.drop_group()
        state.progress.steps_done += 1
        if stepped:
            self.call("after_step")

    def drop_group(self) -> None:
        """Begin a group of batches anew, without gradients."""
        clear_gradients(self.state.optimizer)
        self.group_batches = self.group_samples = 0

    def closure(self) -> Tensor:
        """Compute loss and gradients again, for optimizers that ask for it within one step."""
        state, parts = self.state, self.parts
        with torch.enable_grad():
            clear_gradients(state.optimizer)
            with parts.precision.forward_context():
                preds = parts.task.forward(state.model, state.batch)
            loss = parts.task.loss(_full(preds), state.batch)
            parts.precision.backward(loss)
        return loss

    def finish_phase(self, train: bool, loader: BatchLoader) -> None:
        state, so_far = self.state, self.state.loss_so_far
        if train and state.progress.batches_done == 0 and state.stop_reason is None:
            raise DataError(
                f"the training loader gave no batch, though {loader.n_samples} samples were "
                "expected. Check that its files can be read."
            )
        if train:
            self.drop_group()
            if self.guard is not None:
                self.guard.check_remembered()
        name = "train_loss" if train else "valid_loss"
        state.metrics[name] = math.nan if so_far is None else float(so_far)
        if not train and so_far is not None:
            for metric in self.parts.metrics:
                state.metrics[metric.name] = metric.compute()


def _full(preds: Tensor) -> Tensor:
    """Losses and metrics are computed in fp32, or more, whatever the forward pass was."""
    half = isinstance(preds, Tensor) and preds.dtype in (torch.bfloat16, torch.float16)
    return preds.float() if half else preds


def _given_to_the_model(batch: Batch) -> str:
    x: object = batch.x  # a loader of the user's may give a dict or a tuple
    if not isinstance(x, Tensor):
        return f"The model was given a {type(x).__name__}."
    dtype = str(x.dtype).removeprefix("torch.")
    return f"The model was given x {tuple(x.shape)} {dtype} on {x.device}."


def _with_last(items: Iterator[T]) -> Iterator[tuple[T, bool]]:
    """Pair each item with whether it is the last."""
    try:
        held = next(items)
    except StopIteration:
        return
    for item in items:
        yield held, False
        held = item
    yield held, True
