"""What training adds to a batch: the loss is looked at, backward, and when it is due, a step.

::

    batch := before_batch forward after_forward loss after_loss
             backward (before_step step after_step)? after_batch

Order of a step: backward, unscale, ``before_step`` (gradients are complete and true), step,
zero_grad.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.optim import Optimizer

from learnkit.buffers import KeptBuffers
from learnkit.errors import StateError
from learnkit.finite import FiniteGuard, can_be_held_back
from learnkit.forward import BatchRunner, Parts
from learnkit.gradients import GradientGroup
from learnkit.micro_batch import part_of
from learnkit.optim import asks_for, clear_gradients
from learnkit.precision import Plain
from learnkit.randomness import SampleKeys, seed_generators
from learnkit.state import SkipBatch
from learnkit.types import BatchLoader, Loaded


class TrainRunner(BatchRunner):
    """Runs the batches of one fit, of both phases.

    Attributes:
        group: the batches since the last optimizer step.
        guard: looks at training losses; None where nobody wants that.
    """

    def __init__(self, parts: Parts, call: Callable[[str], None]) -> None:
        super().__init__(parts, call)
        self.group = GradientGroup(self.state.optimizer)
        self.guard = _guard(parts)
        self._buffers = KeptBuffers(None)
        self._may_recompute = False

    def open_phase(self, loader: BatchLoader, *, n_repeating: int) -> None:
        """Get ready for the batches of a phase, with the model in its mode."""
        super().open_phase(loader, n_repeating=n_repeating)
        self._buffers = KeptBuffers(self.state.model if self.state.training else None)

    def run(self, loaded: Loaded, is_last: bool) -> None:
        """Run one batch; the last one of training always makes a step."""
        if self.state.training:
            self._train(loaded, is_last)
        else:
            super().run(loaded, is_last)

    def _train(self, loaded: Loaded, is_last: bool) -> None:
        state, parts, progress = self.state, self.parts, self.state.progress
        seed_generators(parts.seed, progress.batches_seen, state.device)
        self.task = parts.task.turn(progress.batches_seen)
        progress.batches_seen += 1
        self.group.open()
        self._open(loaded, SampleKeys(parts.seed, progress.epoch_key, loaded.indices))
        try:
            self.call("before_batch")
            self._buffers.keep()
            self._compute()
            self.group.close(len(loaded.indices))
            stepping = is_last or state.is_last_of_phase or state.stop_reason is not None
            if stepping or self.group.batches >= state.accumulate:
                self._step()
        except SkipBatch:
            self.group.give_up()
        self._end()

    def close_phase(self) -> None:
        """Drop a group that was not stepped, and ask the device whether a loss was bad."""
        if self.state.training:
            self.group.drop()
            if self.guard is not None:
                self.guard.check_remembered()

    def _use_loss(self, share: float) -> None:
        """Look at the loss, and compute its gradients."""
        if not self.state.training:
            return
        if self.guard is not None:
            try:
                self.guard.check()
            except BaseException:
                self._buffers.put_back()
                raise
        if self.state.accumulate > 1:
            # the sum over the group, in units of a full batch so that fp16 scaling stays sound;
            # `_step` divides by the samples that the group turns out to have
            share = len(self.state.indices) / self._nominal
        loss = self.state.loss
        self.parts.precision.backward(loss if share == 1.0 else loss * share)
        if self.guard is not None and self.guard.bad is not None:
            self._buffers.put_back(self.guard.bad)  # not before: BatchNorm's backward reads them

    def _may_split(self, n: int) -> bool:
        closure = self.state.training and asks_for(self.state.optimizer) is not None
        return not closure and super()._may_split(n)

    def _begin_again(self) -> None:
        if self.state.training:
            self.group.undo()
            self._buffers.put_back()
            # numbers of its own: what hooks drew for the batch must not come again as dropout
            step = self.state.progress.batches_seen - 1
            seed_generators(self.parts.seed, step, self.state.device, name="step in parts")

    @property
    def _nominal(self) -> int:
        return self.state.train_dl.batch_size if self.state.train_dl is not None else 1

    def _step(self) -> None:
        state, precision = self.state, self.parts.precision
        optimizer = state.optimizer
        precision.unscale(optimizer)
        if state.accumulate > 1:
            self.group.average(self._nominal)
        self._may_recompute = True
        try:
            self.call("before_step")
        except SkipBatch:
            self.group.drop()  # its gradients are averaged already, and cannot be added to
            raise
        finally:
            self._may_recompute = False
        closure = self._closure_for(optimizer)
        if self.guard is not None:
            self.guard.hold_back(optimizer)
        stepped = precision.step(optimizer, closure)
        if self.guard is not None:
            self.guard.let_go(optimizer)
        self.group.drop()
        state.progress.steps_done += 1
        if stepped:
            self.call("after_step")

    def _closure_for(self, optimizer: Optimizer) -> Callable[[], Tensor] | None:
        """Return what computes the batch again, for optimizers that ask for it within one step."""
        asks = asks_for(optimizer)
        if asks == "loss":
            return partial(self._compute_again, backward=False)
        return self._closure if asks == "gradients" else None

    def _closure(self) -> Tensor:
        clear_gradients(self.state.optimizer)
        return self._compute_again()

    def recompute(self) -> None:
        """Add the gradients of the open batch once more; see `State.recompute`."""
        if not self._may_recompute:
            raise StateError("`recompute` is not available here; it exists in before_step.")
        state, kept = self.state, (self.state.preds, self.state.loss)
        if state.accumulate > 1 or not isinstance(self.parts.precision, Plain):
            found = f"of {state.accumulate} batches" if state.accumulate > 1 else "in fp16"
            raise StateError(
                f"a batch cannot be computed again in a step {found}: it needs steps of one batch, "
                "in fp32 or bf16."
            )
        running = KeptBuffers(state.model)
        running.keep()
        self._may_recompute = False  # not from within its own hooks
        try:
            self._compute_again()
        finally:
            self._may_recompute = True
            running.put_back()
            state.preds, state.loss = kept

    def _compute_again(self, *, backward: bool = True) -> Tensor:
        """Run the batch from forward to backward, in the same parts; return its mean loss.

        Without ``backward`` the loss comes with its graph, for gradients of gradients.
        """
        state, whole, indices = self.state, self.state.batch, self.state.indices
        n, losses = len(indices), []
        with torch.enable_grad():
            try:
                for part in self.micro.parts_of(n):
                    state.open_batch(part_of(whole, part, n), indices[part])
                    self._forward_and_loss()
                    share = len(state.indices) / n
                    loss = state.loss if share == 1.0 else state.loss * share
                    if backward:
                        self.parts.precision.backward(loss)
                    losses.append(loss.detach() if backward else loss)
            finally:
                state.open_batch(whole, indices)
        return torch.stack(losses).sum()


def _guard(parts: Parts) -> FiniteGuard | None:
    if parts.nonfinite is None:
        return None
    state, skip = parts.state, parts.nonfinite == "skip"
    on_device = (
        state.device.type != "cpu"
        and isinstance(parts.precision, Plain)  # a loss scaler waits for the device anyway
        and can_be_held_back(state.optimizer)
    )
    return FiniteGuard(state, skip=skip, waits=skip or not on_device)
