"""Two more of fastai's ways to train: flat then cosine, and warm restarts."""

from os import PathLike

from learnkit.checks import Callbacks, as_callbacks
from learnkit.history import History
from learnkit.learner_base import DEFAULT_DECAY, DEFAULT_LR
from learnkit.learner_trials import LearnerTrials
from learnkit.names import checked_keywords
from learnkit.optim import LearningRate
from learnkit.plan import epochs_within, flat_cos_plan, sgdr_plan
from learnkit.runs.checkpoints import Checkpoints, Resume, save_plan


class LearnerCycles(LearnerTrials):
    """A learner's methods that train along fastai's other schedules; see `Learner`."""

    @checked_keywords
    def fit_flat_cos(
        self,
        epochs: int | None = None,
        lr: LearningRate = DEFAULT_LR,
        *,
        pct_start: float = 0.75,
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
        """Train at one rate, then let it fall along a cosine.

        Args:
            epochs: passes over the training samples.
            lr: the rate of the flat part, as in `fit`.
            pct_start: fraction of the steps at this rate, in [0, 1).
            div_final: the rate ends at ``lr / div_final``.
            weight_decay: as in `fit`.
            minutes: in place of ``epochs``, as in `fit`.
            accumulate: as in `fit`.
            callbacks: as in `fit`.
            cbs: short for ``callbacks``.
            progress: as in `fit`.
            checkpoint: as in `fit`.
            resume: as in `fit`.
            every_minutes: as in `fit`.
            every_steps: as in `fit`.
        """
        plan = flat_cos_plan(
            epochs_within(epochs, minutes),
            lr,
            weight_decay=weight_decay,
            pct_start=pct_start,
            div_final=div_final,
            accumulate=accumulate,
            minutes=minutes,
        )
        save = save_plan(
            checkpoint, resume=resume, every_minutes=every_minutes, every_steps=every_steps
        )
        return self._run(plan, as_callbacks(callbacks) + as_callbacks(cbs), progress, save)

    @checked_keywords
    def fit_sgdr(
        self,
        n_cycles: int,
        cycle_len: int,
        lr_max: LearningRate = DEFAULT_LR,
        *,
        cycle_mult: int = 2,
        weight_decay: float = DEFAULT_DECAY,
        accumulate: int = 1,
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        progress: bool = True,
        checkpoint: str | PathLike[str] | Checkpoints | None = None,
        resume: Resume = "auto",
        every_minutes: float | None = 5.0,
        every_steps: int | None = None,
    ) -> History:
        """Train in cycles: the rate falls along a cosine to 0 and restarts at its peak.

        Loshchilov and Hutter 2017, arXiv 1608.03983. 3 cycles of 1, 2 and 4 epochs are
        ``fit_sgdr(3, 1)``: the fit has ``cycle_len * (1 + cycle_mult + ...)`` epochs.

        Args:
            n_cycles: how many, at least 1.
            cycle_len: epochs of the first cycle.
            lr_max: the peak, as ``lr`` of `fit`.
            cycle_mult: how many times longer each cycle is than the one before.
            weight_decay: as in `fit`.
            accumulate: as in `fit`.
            callbacks: as in `fit`.
            cbs: short for ``callbacks``.
            progress: as in `fit`.
            checkpoint: as in `fit`.
            resume: as in `fit`.
            every_minutes: as in `fit`.
            every_steps: as in `fit`.
        """
        plan = sgdr_plan(
            n_cycles,
            cycle_len,
            lr_max,
            weight_decay=weight_decay,
            cycle_mult=cycle_mult,
            accumulate=accumulate,
        )
        save = save_plan(
            checkpoint, resume=resume, every_minutes=every_minutes, every_steps=every_steps
        )
        return self._run(plan, as_callbacks(callbacks) + as_callbacks(cbs), progress, save)
