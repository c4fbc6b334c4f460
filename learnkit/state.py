"""All that a hook may see of a running fit.

The loop writes it; hooks read it and may assign ``batch``, ``preds`` and ``loss``. Knows nothing of
the loop, the learner or any callback.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.data.inputs import Inputs
from learnkit.errors import StateError
from learnkit.optim import asks_for, words_for
from learnkit.progress import Progress
from learnkit.randomness import IntArray
from learnkit.running_loss import RunningLoss
from learnkit.types import Batch, BatchLoader

T = TypeVar("T")


class Phase(Enum):
    """Which half of an epoch is running."""

    TRAIN = "train"
    VALID = "valid"


class SkipBatch(Exception):
    """Raised by a hook to drop the rest of this batch; ``after_batch`` still runs."""


class State:
    """The typed view of a fit that every hook receives.

    Attributes:
        model: the model in training.
        device: where batches and model are.
        progress: completed counts.
        metrics: this epoch's numbers so far: ``train_loss``, ``valid_loss``, each metric's name.
        higher_is_better: for each of them True or False, or None where nobody said.
        train_dl: the loader of the training samples.
        valid_dl: the loader of the validation samples, or None.
        classes: names of the classes, where targets are class numbers; else empty.
        precision: in which numbers the model computes: "fp32", "bf16", "fp16".
        inputs: how raw items became x; None for arrays, tensors and loaders of one's own.
        accumulate: batches per optimizer step; change it by `accumulate_over`.
        has_row: in ``after_epoch``: whether the epoch goes into the history; False for one that was
            stopped before its first batch.
    """

    __slots__ = (
        "_batch",
        "_batch_limit",
        "_indices",
        "_limits",
        "_listeners",
        "_loss",
        "_optimizer",
        "_phase",
        "_preds",
        "_recompute",
        "_running",
        "_stop_reason",
        "_training_batches",
        "_validate",
        "accumulate",
        "classes",
        "device",
        "has_row",
        "higher_is_better",
        "inputs",
        "metrics",
        "model",
        "precision",
        "progress",
        "train_dl",
        "valid_dl",
    )

    def __init__(
        self,
        model: nn.Module,
        *,
        device: torch.device | None = None,
        optimizer: Optimizer | None = None,
        train_dl: BatchLoader | None = None,
        valid_dl: BatchLoader | None = None,
        higher_is_better: Mapping[str, bool | None] | None = None,
        progress: Progress | None = None,
        classes: tuple[str, ...] = (),
        precision: str = "fp32",
        inputs: Inputs | None = None,
    ) -> None:
        self.model = model
        self.classes, self.precision = classes, precision
        self.inputs = inputs
        self.accumulate, self.has_row = 1, True
        self.device = device or torch.device("cpu")
        self.progress = progress or Progress()
        self.metrics: dict[str, float] = {}
        self.train_dl = train_dl
        self.valid_dl = valid_dl
        self.higher_is_better = dict(higher_is_better or {"train_loss": False, "valid_loss": False})
        self._optimizer = optimizer
        self._phase: Phase | None = None
        self._batch: Batch | None = None
        self._indices: IntArray | None = None
        self._preds: Tensor | None = None
        self._loss: Tensor | None = None
        self._stop_reason: str | None = None
        self._running = RunningLoss()
        self._limits: dict[Phase, int | None] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._batch_limit: int | None = None
        self._validate: Callable[[], dict[str, float]] | None = None
        self._recompute: Callable[[], None] | None = None
        self._training_batches: Callable[[], Iterator[Batch]] | None = None

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names that ``metrics`` holds at the end of an epoch, in the table's order."""
        return tuple(self.higher_is_better)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; there is none outside a fit."""
        if self._optimizer is None:
            raise StateError("`optimizer` is not available here; it exists during a fit.")
        return self._optimizer

    @property
    def phase(self) -> Phase:
        """Valid from ``before_phase`` to ``after_phase``."""
        return _within(self._phase, "phase", "before_phase to after_phase")

    @property
    def batch(self) -> Batch:
        """The batch on the device; valid from ``before_batch`` to ``after_batch``."""
        return _within(self._batch, "batch", "before_batch to after_batch")

    @batch.setter
    def batch(self, value: Batch) -> None:
        self._batch = value

    @property
    def indices(self) -> IntArray:
        """Places in the dataset, int64 (B,); valid from ``before_batch`` to ``after_batch``."""
        return _within(self._indices, "indices", "before_batch to after_batch")

    @property
    def preds(self) -> Tensor:
        """Logits (B, K); valid from ``after_forward`` to ``after_batch``."""
        return _within(self._preds, "preds", "after_forward to after_batch")

    @preds.setter
    def preds(self, value: Tensor) -> None:
        self._preds = value

    @property
    def loss(self) -> Tensor:
        """Scalar with its graph until backward; valid from ``after_loss`` to ``after_batch``."""
        return _within(self._loss, "loss", "after_loss to after_batch")

    @loss.setter
    def loss(self, value: Tensor) -> None:
        self._loss = value

    @property
    def loss_so_far(self) -> Tensor | None:
        """Mean loss of this phase up to now, a scalar on the device; None before the first batch.

        Reading it as a number waits for the device: do so a few times a second, not every step.
        """
        return self._running.mean()

    @property
    def lr(self) -> float:
        """The learning rate of the last (usually the head's) parameter group."""
        return float(self.optimizer.param_groups[-1]["lr"])

    @property
    def training(self) -> bool:
        """Whether the TRAIN phase is running."""
        return self._phase is Phase.TRAIN

    def stop(self, reason: str) -> None:
        """End the fit after this batch; every open ``after_*`` hook still runs."""
        if self._stop_reason is None:
            self._stop_reason = reason

    @property
    def stop_reason(self) -> str | None:
        """Why the fit was asked to stop, or None."""
        return self._stop_reason

    def say(self, line: str) -> None:
        """Tell the user something, where the fit shows itself; ``progress=False`` shows nothing."""
        for listener in self._listeners:
            listener(line)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with every line that is said in this fit from here on."""
        self._listeners.append(listener)

    def accumulate_over(self, batches: int) -> None:
        """Make an optimizer step of every ``batches`` batches from here on; between two steps.

        Raises:
            ValueError: when it is no whole number of at least 1, or the optimizer is L-BFGS.
        """
        _check_count("accumulate_over() takes a number of batches", batches)
        optimizer = self._optimizer
        if batches > 1 and optimizer is not None and asks_for(optimizer) is not None:
            raise ValueError(
                f"{words_for(optimizer)} computes the loss of one batch again and again within a "
                f"step, so it cannot accumulate over {batches}; leave accumulate out and take "
                "larger batches."
            )
        self.accumulate = batches
        self._plan_steps()

    def limit_batches(self, *, train: int | None = None, valid: int | None = None) -> None:
        """Run at most so many batches in each phase to come; None leaves all of them.

        For ``before_fit``. ``progress`` plans with it.
        """
        for number in (train, valid):
            if number is not None:
                _check_count("limit_batches() takes numbers of batches", number)
        self._limits = {Phase.TRAIN: train, Phase.VALID: valid}
        self._plan_steps()

    def end_phase(self) -> None:
        """End the running phase after this batch; called after one, after the next.

        The batches since the last optimizer step still make one.
        """
        self._batch_limit = self.progress.batches_done + 1

    def validate(self) -> dict[str, float]:
        """Return ``valid_loss`` and every metric over the validation samples, without hooks.

        For hooks between batches of TRAIN. Changes nothing: neither modes, random numbers nor
        ``metrics``.

        Raises:
            StateError: outside TRAIN, or when the data has no validation samples.
        """
        if self._validate is None or self.valid_dl is None or not self.training:
            raise StateError(
                "`validate` is not available here; it exists in the TRAIN phase of a fit of data "
                "with validation samples."
            )
        return self._validate()

    def recompute(self) -> None:
        """Compute loss and gradients of the open batch again, with the weights as they are now.

        For ``before_step``: adds to the gradients that are there. ``after_forward`` and
        ``after_loss`` run again; ``preds`` and ``loss`` stay those of the first time, running
        statistics too.

        Raises:
            StateError: elsewhere, in fp16, or when a step is of more than one batch.
        """
        if self._recompute is None:
            raise StateError("`recompute` is not available here; it exists in before_step.")
        self._recompute()

    def training_batches(self) -> Iterator[Batch]:
        """Give the batches of this epoch's training once more, within `limit_batches`.

        Augmented and normalised as a step gets them; what hooks do to a batch is not done. Reading
        them draws no random number that training draws.

        Raises:
            StateError: outside a fit.
        """
        if self._training_batches is None:
            raise StateError("`training_batches` is not available here; it exists during a fit.")
        return self._training_batches()

    def limit_of(self, phase: Phase) -> int | None:
        """Return how many batches `limit_batches` allows in a phase; None where it does not."""
        return self._limits.get(phase)

    def _plan_steps(self) -> None:
        """Count the steps that are left, by the batches of the loader and their limit."""
        progress, loader = self.progress, self.train_dl
        batches = self._limited(len(loader) if loader is not None else 0, Phase.TRAIN)
        left = progress.epochs_planned - progress.epochs_done
        progress.steps_planned = progress.steps_done + left * -(-batches // self.accumulate)

    def _limited(self, batches: int, phase: Phase) -> int:
        limit = self._limits.get(phase)
        return batches if limit is None else min(batches, limit)

    # What follows is the loop's side: it opens and closes the windows.

    def for_validation(self) -> "State":
        """Return a state of its own for a validation inside this one's TRAIN phase."""
        state = State(
            self.model,
            device=self.device,
            valid_dl=self.valid_dl,
            higher_is_better=self.higher_is_better,
            classes=self.classes,
            precision=self.precision,
        )
        state._limits = self._limits
        return state

    def serve(
        self,
        *,
        validate: Callable[[], dict[str, float]],
        recompute: Callable[[], None],
        training_batches: Callable[[], Iterator[Batch]],
    ) -> None:
        """Let hooks use the loop's services."""
        self._validate, self._recompute = validate, recompute
        self._training_batches = training_batches

    @property
    def phase_is_full(self) -> bool:
        """Whether no further batch of this phase may begin."""
        return self._batch_limit is not None and self.progress.batches_done >= self._batch_limit

    @property
    def is_last_of_phase(self) -> bool:
        """Whether the open batch is the last that this phase may have."""
        return self._batch_limit is not None and self.progress.batches_done + 1 >= self._batch_limit

    def open_phase(self, phase: Phase, *, batches: int) -> None:
        """Begin a phase of ``batches`` batches, or fewer where a limit says so."""
        self._phase, self._running = phase, RunningLoss()
        self._batch_limit = self._limits.get(phase)
        self.progress.batches_done = 0
        self.progress.batches_planned = self._limited(batches, phase)

    def open_batch(self, batch: Batch, indices: IntArray) -> None:
        """Begin a batch, already on the device."""
        self._batch, self._indices = batch, indices

    def add_loss(self, loss: Tensor, samples: int) -> None:
        """Add a batch's mean loss, weighted by its samples, without waiting for the device."""
        self._running.add(loss, samples)

    def losses_dict(self) -> dict[str, Any]:
        """Return the losses of this phase as they are kept, for a checkpoint."""
        return self._running.state_dict()

    def load_losses(self, saved: Mapping[str, Any]) -> None:
        """Take back what `losses_dict` returned."""
        self._running.load_state_dict(saved, device=self.device)

    def close_batch(self) -> None:
        """End a batch: its fields are gone, and with them the graph."""
        self._batch = self._indices = self._preds = self._loss = None

    def close(self) -> None:
        """End the phase, and the batch if one is open."""
        self.close_batch()
        self._phase = None


def _check_count(what: str, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{what}, whole and at least 1; got {number!r}.")


def _within(value: T | None, field: str, window: str) -> T:
    if value is None:
        raise StateError(f"`{field}` is not available here; it exists from {window}.")
    return value
