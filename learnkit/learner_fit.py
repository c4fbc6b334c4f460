"""The ways to train: at one rate, in one cycle, head first."""

from os import PathLike

from learnkit.checks import Callbacks, as_callbacks
from learnkit.history import History
from learnkit.learner_base import DEFAULT_DECAY, DEFAULT_LR
from learnkit.learner_cycles import LearnerCycles
from learnkit.names import checked_keywords
from learnkit.optim import LayerDecay, LearningRate
from learnkit.plan import FitPlan, epochs_within, fine_tune_rates, head_rates, one_cycle_plan
from learnkit.runs.checkpoints import FINE_TUNE_PARTS, Checkpoints, Resume, save_plan
from learnkit.schedule import Schedule, flat_cosine


class LearnerFit(LearnerCycles):
    """A learner's methods that train; see `Learner`."""

    @checked_keywords
    def fit(
        self,
        epochs: int | None = None,
        lr: LearningRate = DEFAULT_LR,
        *,
        schedule: Schedule | None = None,
        weight_decay: float = DEFAULT_DECAY,
        minutes: float | None = None,
        accumulate: int = 1,
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        progress: bool = True,
        checkpoint: str | PathLike[str] | Checkpoints | None = None,
        resume: Resume = "auto",
        every_minutes: float | None = 5.0,
        every_steps: int | None = None,
    ) -> History:
        """Train, and return a row of numbers per epoch.

        Args:
            epochs: passes over the training samples.
            lr: peak learning rate: a number, ``slice(lo, hi)`` or `layer_decay` over the layer
                groups, or one each.
            schedule: multiplier of the rate as a function of the fraction done; flat, then a
                cosine to zero by default.
            weight_decay: of weights, not of norms and biases.
            minutes: in place of ``epochs``: what the whole fit may take, with its validation and
                its last checkpoint. Epochs and schedule follow the clock.
            accumulate: batches per optimizer step.
            callbacks: for this fit only.
            cbs: short for ``callbacks``.
            progress: whether to show a bar and the table.
            checkpoint: a folder for checkpoints, or `Checkpoints`; None writes none.
            resume: ``"auto"`` goes on with a fit that was stopped there, to the same bits as if it
                had not been, and returns at once with one that is finished; ``"never"`` deletes
                what is there and starts anew.
            every_minutes: between two checkpoints inside an epoch, besides those at epoch ends.
            every_steps: optimizer steps between two checkpoints.

        Raises:
            NonFiniteLossError: when the training loss becomes NaN or infinite.
            MonitorError: when a callback watches a value that is not computed.
            CheckpointError: when the folder cannot be written, or holds another fit's checkpoints.
            KeyboardInterrupt: after Ctrl-C, once the batch is finished and the checkpoint written.
            SystemExit: with code 143 after SIGTERM, likewise.
        """
        plan = FitPlan(
            epochs=epochs_within(epochs, minutes),
            lr=lr,
            weight_decay=weight_decay,
            schedule=flat_cosine() if schedule is None else schedule,
            schedule_name="flat, then cosine" if schedule is None else "given schedule",
            accumulate=accumulate,
            minutes=minutes,
        )
        save = save_plan(
            checkpoint, resume=resume, every_minutes=every_minutes, every_steps=every_steps
        )
        return self._run(plan, as_callbacks(callbacks) + as_callbacks(cbs), progress, save)

    @checked_keywords
    def fit_one_cycle(
        self,
        epochs: int | None = None,
        max_lr: LearningRate = DEFAULT_LR,
        *,
        pct_start: float = 0.25,
        div: float = 25.0,
        div_final: float = 1e5,
        weight_decay: float = DEFAULT_DECAY,
        minutes: float | None = None,
        accumulate: int = 1,
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        progress: bool = True,
        checkpoint: str | PathLike[str] | Checkpoints | None = None,
        resume: Resume = "auto",
        every_minutes: float | None = 5.0,
        every_steps: int | None = None,
    ) -> History:
        """Train with the 1cycle policy: rate up and down once, momentum down and up.

        Args:
            epochs: passes over the training samples.
            max_lr: the peak, as ``lr`` of `fit`.
            pct_start: fraction of the steps that the rate rises for, in (0, 1).
            div: the rate starts at ``max_lr / div``.
            div_final: and ends at ``max_lr / div_final``.
            weight_decay: as in `fit`.
            minutes: as in `fit`.
            accumulate: as in `fit`.
            callbacks: as in `fit`.
            cbs: short for ``callbacks``.
            progress: as in `fit`.
            checkpoint: as in `fit`.
            resume: as in `fit`.
            every_minutes: as in `fit`.
            every_steps: as in `fit`.
        """
        plan = one_cycle_plan(
            epochs_within(epochs, minutes),
            max_lr,
            weight_decay=weight_decay,
            pct_start=pct_start,
            div=div,
            div_final=div_final,
            accumulate=accumulate,
            minutes=minutes,
        )
        save = save_plan(
            checkpoint, resume=resume, every_minutes=every_minutes, every_steps=every_steps
        )
        return self._run(plan, as_callbacks(callbacks) + as_callbacks(cbs), progress, save)

    @checked_keywords
    def fine_tune(
        self,
        epochs: int,
        base_lr: float | LayerDecay = 4e-3,
        *,
        freeze_epochs: int = 1,
        lr_mult: float = 100.0,
        pct_start: float = 0.3,
        div: float = 5.0,
        weight_decay: float = DEFAULT_DECAY,
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        progress: bool = True,
        checkpoint: str | PathLike[str] | Checkpoints | None = None,
        resume: Resume = "auto",
        every_minutes: float | None = 5.0,
        every_steps: int | None = None,
    ) -> History:
        """Train the head alone for ``freeze_epochs``, then everything for ``epochs``.

        Args:
            epochs: with all layers; the head at half ``base_lr``, the body far slower.
            base_lr: peak rate of the frozen epochs; `layer_decay` spreads it in its own way.
            freeze_epochs: with the head alone.
            lr_mult: how much slower than the head the last layer group of the body learns; the
                first learns ten times slower still.
            pct_start: as in `fit_one_cycle`, for the second part.
            div: as in `fit_one_cycle`, for the second part.
            weight_decay: as in `fit`.
            callbacks: run in both parts.
            cbs: short for ``callbacks``.
            progress: as in `fit`.
            checkpoint: as in `fit`.
            resume: as in `fit`.
            every_minutes: as in `fit`.
            every_steps: as in `fit`.

        Returns:
            The rows of both parts. Their checkpoints are in the folders ``frozen`` and ``unfrozen``
            of ``checkpoint``.
        """
        extra = as_callbacks(callbacks) + as_callbacks(cbs)
        if isinstance(freeze_epochs, bool) or not isinstance(freeze_epochs, int):
            raise TypeError(f"freeze_epochs must be a whole number; got {freeze_epochs!r}.")
        if freeze_epochs < 0:
            raise ValueError(f"freeze_epochs must be at least 0; got {freeze_epochs}.")
        rates = fine_tune_rates(base_lr, len(self.layer_groups), lr_mult=lr_mult)
        # both are planned before either runs, so that a wrong option costs no epoch
        whole = one_cycle_plan(
            epochs, rates, weight_decay=weight_decay, pct_start=pct_start, div=div
        )
        saves = [
            save_plan(
                checkpoint,
                resume=resume,
                every_minutes=every_minutes,
                every_steps=every_steps,
                below=below,
            )
            for below in FINE_TUNE_PARTS
        ]
        rows: list[dict[str, float]] = []
        if freeze_epochs:
            head = one_cycle_plan(
                freeze_epochs, head_rates(base_lr), weight_decay=weight_decay, pct_start=0.99
            )
            self.freeze()
            rows += self._run(head, extra, progress, saves[0])
        self.unfreeze()
        second = self._run(whole, extra, progress, saves[1])
        return History([*rows, *second], stop_reason=second.stop_reason)
