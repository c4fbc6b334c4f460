"""What happens to one batch: forward, loss and metrics; in parts where it does not fit into memory.

::

    batch := before_batch forward after_forward loss after_loss after_batch

Of a batch in parts, forward to after_loss runs for each, with ``state.batch`` the part;
``before_batch`` and ``after_batch`` run once, for the whole. Training adds to it: see ``step``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from learnkit.data.batch import BatchPipeline
from learnkit.errors import ModelError
from learnkit.finite import NonFinite
from learnkit.metrics import Metric
from learnkit.micro_batch import MicroBatch, MicroBatches, is_out_of_memory, part_of
from learnkit.models.fast_body import FastBody
from learnkit.precision import Precision
from learnkit.randomness import IntArray, SampleKeys
from learnkit.state import SkipBatch, State
from learnkit.tasks import Step, check_loss
from learnkit.types import Batch, BatchLoader, Loaded


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
        nonfinite: what is done about a NaN or infinite training loss; None does not look.
        micro_batch: how many samples are computed at once.
        fast: how a body that does not train is run; None runs it as it is.
    """

    state: State
    task: Step
    precision: Precision
    pipeline: BatchPipeline
    metrics: Sequence[Metric] = ()
    seed: int = 0
    nonfinite: NonFinite | None = "stop"
    micro_batch: MicroBatch = "auto"
    fast: FastBody | None = None


class BatchRunner:
    """Runs batches of validation; the base of what runs those of training.

    Args:
        parts: of the loop.
        call: runs the hooks of one event.

    Attributes:
        micro: how many samples are computed at once.
        task: of the open batch.
    """

    def __init__(self, parts: Parts, call: Callable[[str], None]) -> None:
        self.parts, self.state, self.call = parts, parts.state, call
        self.micro = MicroBatches(parts.micro_batch)
        self.task: Step = parts.task
        self._loader: BatchLoader | None = None
        self._n_repeating = 0

    def open_phase(self, loader: BatchLoader, *, n_repeating: int) -> None:
        """Get ready for the batches of a phase, with the model in its mode.

        Args:
            loader: of the phase.
            n_repeating: samples that come back unchanged in every epoch; 0 when they do not.
        """
        self._loader, self._n_repeating = loader, n_repeating

    def run(self, loaded: Loaded, is_last: bool) -> None:
        """Run one batch; ``is_last`` of its phase."""
        state = self.state
        self.task = self.parts.task
        self._open(loaded, None)
        try:
            self.call("before_batch")
            self._compute()
            if self.parts.metrics:
                preds, targets = self.task.compare(state.preds, state.batch)
            for metric in self.parts.metrics:
                metric.update(preds, targets)
        except SkipBatch:
            pass
        self._end()

    def close_phase(self) -> None:
        """End the batches of a phase; validation has nothing to do."""

    def _open(self, loaded: Loaded, keys: SampleKeys | None) -> None:
        batch = self.parts.pipeline.prepare(loaded, keys=keys)
        self.state.open_batch(batch, loaded.indices)
        if self._n_repeating and self.parts.fast is not None:
            self.parts.fast.announce(batch.x, self._loader, self._n_repeating, loaded.indices)

    def _end(self) -> None:
        self.state.progress.batches_done += 1
        self.call("after_batch")
        self.state.close_batch()

    def _compute(self) -> None:
        """Compute the open batch, in as many parts as memory asks for."""
        state, whole, indices = self.state, self.state.batch, self.state.indices
        n = len(indices)
        while True:
            try:
                parts = self.micro.parts_of(n)
                if len(parts) == 1:
                    self._forward_and_loss()
                    self._use_loss(1.0)
                else:
                    self._compute_parts(whole, indices, parts)
                break
            except Exception as error:
                if not is_out_of_memory(error) or not self._may_split(n):
                    raise
            # out of the handler, so that the failed attempt's frames have let go of their memory
            self.micro.shrink(n, state.device)
            self._begin_again()
        state.add_loss(state.loss, n)

    def _compute_parts(self, whole: Batch, indices: IntArray, parts: Sequence[slice]) -> None:
        state, n = self.state, len(indices)
        preds: list[Tensor] = []
        losses: list[Tensor] = []
        try:
            for part in parts:
                state.open_batch(part_of(whole, part, n), indices[part])
                self._forward_and_loss()
                share = len(state.indices) / n
                self._use_loss(share)
                preds.append(state.preds.detach())
                losses.append(state.loss.detach() * share)
        finally:
            state.open_batch(whole, indices)
        state.preds, state.loss = torch.cat(preds), torch.stack(losses).sum()

    def _forward_and_loss(self) -> None:
        state, task = self.state, self.task
        if state.accumulate > 1 and task is not self.parts.task:
            raise _mixed_turns(state.accumulate)
        try:
            with self.parts.precision.forward_context():
                preds = task.forward(state.model, state.batch)
        except Exception as error:
            error.add_note(_given_to_the_model(state.batch))
            raise
        state.preds = full(preds)
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

    def _use_loss(self, share: float) -> None:
        """Do something with the loss of ``share`` of the batch; validation does nothing."""

    def _may_split(self, n: int) -> bool:
        return self.micro.may_shrink(n)

    def _begin_again(self) -> None:
        """Undo a failed attempt at the batch; validation has nothing to undo."""


def full(preds: Tensor) -> Tensor:
    """Return predictions in fp32 or more, for losses and metrics, whatever the pass was in."""
    half = isinstance(preds, Tensor) and preds.dtype in (torch.bfloat16, torch.float16)
    return preds.float() if half else preds


def _mixed_turns(n: int) -> ModelError:
    return ModelError(
        "batches of this task take turns at different parts of the model, and a step over "
        f"{n} of them would mix the turns. Leave accumulate out, and take larger batches."
    )


def _given_to_the_model(batch: Batch) -> str:
    x: object = batch.x  # a loader of the user's may give a dict or a tuple
    if not isinstance(x, Tensor):
        return f"The model was given a {type(x).__name__}."
    dtype = str(x.dtype).removeprefix("torch.")
    return f"The model was given x {tuple(x.shape)} {dtype} on {x.device}."
