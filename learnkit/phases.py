"""A phase: the batches of one loader, with the hooks around them and the numbers of its end."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import torch

from learnkit.callback import HOOKS, Callback, overriders
from learnkit.errors import DataError
from learnkit.forward import BatchRunner, Parts
from learnkit.models.fast_body import fast_body
from learnkit.models.freeze import train_mode
from learnkit.randomness import SampleKeys, kept_generators
from learnkit.state import Phase
from learnkit.types import Batch, BatchLoader, RepeatingLoader, batches_of

if TYPE_CHECKING:
    from learnkit.runs.moment import Moment

T = TypeVar("T")


def evaluate(parts: Parts, loader: BatchLoader) -> dict[str, float]:
    """Compute ``valid_loss`` and the metrics over one loader, without hooks."""
    try:
        with fast_body(parts.state.model, parts.fast, training=False):
            loop = Phases(parts, ())
            loop.phase(Phase.VALID, loader, BatchRunner(parts, loop.call))
    finally:
        leave(parts)
    return dict(parts.state.metrics)


def validate_within(parts: Parts) -> dict[str, float]:
    """Compute what `evaluate` does between two batches of training, and leave no trace."""
    model, inner = parts.state.model, replace(parts, state=parts.state.for_validation())
    modes = [(module, module.training) for module in model.modules()]
    loader, loop = inner.state.valid_dl, Phases(inner, ())
    try:
        if loader is not None:
            with kept_generators(inner.state.device):
                loop.phase(Phase.VALID, loader, BatchRunner(inner, loop.call))
    finally:
        for module, training in modes:
            module.training = training
    return dict(inner.state.metrics)


def training_batches(parts: Parts) -> Iterator[Batch]:
    """Give the batches of the epoch's training as they are computed."""
    loader, epoch = parts.state.train_dl, parts.state.progress.epoch_key
    if loader is None:
        return
    limit = parts.state.limit_of(Phase.TRAIN)
    with kept_generators(parts.state.device), batches_of(loader, epoch) as batches:
        for loaded in islice(batches, limit):
            keys = SampleKeys(parts.seed, epoch, loaded.indices)
            yield parts.pipeline.prepare(loaded, keys=keys)


def leave(parts: Parts) -> None:
    """Close the state's windows, drop gradients, and put the model in eval mode."""
    parts.state.close()
    parts.state.model.eval()
    parts.state.model.zero_grad(set_to_none=True)


class Phases:
    """Runs phases.

    Args:
        parts: what the loop is put together from.
        callbacks: their hooks run in this order.
    """

    def __init__(self, parts: Parts, callbacks: Sequence[Callback]) -> None:
        self.parts, self.state = parts, parts.state
        self.hooks = {hook: overriders(callbacks, hook) for hook in HOOKS}

    def call(self, hook: str) -> None:
        """Run the hooks of one event."""
        for function in self.hooks[hook]:
            function(self.state)

    def phase(
        self, phase: Phase, loader: BatchLoader, runner: BatchRunner, at: "Moment | None" = None
    ) -> None:
        """Run a phase; with ``at``, go on inside it."""
        state, train = self.state, phase is Phase.TRAIN
        done = at.progress.batches_done if at is not None else 0
        state.open_phase(phase, batches=len(loader))
        if train:
            train_mode(state.model)
        else:
            state.model.eval()
        for metric in self.parts.metrics:
            metric.reset()
        self.call("before_phase")
        if at is not None:
            self.put_back(at, loader)
        if state.stop_reason is None:
            self.run_batches(loader, runner, train, start=done)
        self.finish_phase(loader, train)
        self.call("after_phase")
        state.close()

    def run_batches(
        self, loader: BatchLoader, runner: BatchRunner, train: bool, *, start: int
    ) -> None:
        """Run the batches of a phase from batch ``start`` on, until one stops the fit."""
        state = self.state
        runner.open_phase(loader, n_repeating=self.n_repeating(loader, train))
        epoch = state.progress.epoch_key if train else 0
        grad = torch.set_grad_enabled(train)
        with grad, batches_of(loader, epoch, start=start) as batches:
            for loaded, is_last in () if state.phase_is_full else _with_last(batches):
                runner.run(loaded, is_last)
                if not state.phase_is_full:  # where a fit goes on, it would not be known
                    self.between_batches(train)
                if state.phase_is_full or state.stop_reason is not None:
                    break
        runner.close_phase()

    def n_repeating(self, loader: BatchLoader, train: bool) -> int:
        """Return how many samples come back unchanged in every epoch; 0 when they do not."""
        changed = train and bool(self.parts.pipeline.tfms)
        return loader.n_repeating if isinstance(loader, RepeatingLoader) and not changed else 0

    def between_batches(self, train: bool) -> None:
        """Do what waits for the end of a batch; an evaluation has nothing."""

    def put_back(self, at: "Moment", loader: BatchLoader) -> None:
        """Make the fit what it was; an evaluation is never gone on with."""

    def finish_phase(self, loader: BatchLoader, train: bool) -> None:
        """Put the numbers of the phase into ``state.metrics``.

        Raises:
            DataError: when training had no batch at all.
        """
        state, so_far = self.state, self.state.loss_so_far
        if train and state.progress.batches_done == 0 and state.stop_reason is None:
            raise DataError(
                f"the training loader gave no batch, though {loader.n_samples} samples were "
                "expected. Check that its files can be read."
            )
        name = "train_loss" if train else "valid_loss"
        state.metrics[name] = math.nan if so_far is None else float(so_far)
        if not train and so_far is not None:
            for metric in self.parts.metrics:
                state.metrics[metric.name] = metric.compute()


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
