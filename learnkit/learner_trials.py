"""Short trainings that are taken back: to suggest a learning rate, or a batch size."""

import warnings
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnkit.callback import Callback
from learnkit.callbacks.progress import ProgressBar
from learnkit.callbacks.rates.lr_schedule import LRSchedule
from learnkit.callbacks.recorder import Recorder
from learnkit.checks import Callbacks, as_callbacks
from learnkit.data.warn import warn_user
from learnkit.history import History
from learnkit.kept_model import kept_model, kept_scale
from learnkit.learner_base import DEFAULT_DECAY, DEFAULT_LR
from learnkit.learner_runs import LearnerRuns
from learnkit.loop import run_fit
from learnkit.names import checked_keywords
from learnkit.optim import LearningRate, build_optimizer, set_rates, spread_rates
from learnkit.schedule import flat_cosine
from learnkit.state import State
from learnkit.types import BatchLoader

if TYPE_CHECKING:  # what few sessions use is imported there
    from learnkit.batch_size import BatchSize
    from learnkit.callbacks.rates.lr_finder import LRFinder
    from learnkit.costs import Costs, Stopwatches
    from learnkit.lr_find import LRFindResult

FEW_POINTS: Final = 10  # on a rate curve


class LearnerTrials(LearnerRuns):
    """A learner's methods that train for a moment and leave no trace; see `Learner`."""

    @checked_keywords
    def lr_find(
        self, *, start: float = 1e-7, end: float = 10.0, steps: int = 100, progress: bool = True
    ) -> "LRFindResult":
        """Sweep the learning rate up over real batches and return the curve with suggestions.

        The model (weights, all buffers, gradients, modes, what trains) and the random state are put
        back in memory, bit for bit, also after an error or Ctrl-C; the optimizer of the learner
        takes no part (Smith 2017, arXiv 1506.01186, section 3.3).

        Args:
            start: first rate of the last layer group; the other groups keep their ratio of 1.
            end: last rate, if the loss does not diverge before.
            steps: batches in the whole sweep.
            progress: whether to show a bar.
        """
        from learnkit.callbacks.rates.lr_finder import LRFinder

        return self._sweep(LRFinder(start=start, end=end, steps=steps), progress)

    @checked_keywords
    def batch_size_find(
        self, *, start: int = 8, margin: float = 0.2, most: int | None = None
    ) -> "BatchSize":
        """Return the largest batch that fits into memory and leaves a margin.

        Trains two steps on batches of growing size, made of the training samples, each with a fresh
        optimizer; model and random state are put back as by `lr_find`. On a GPU an error for want
        of memory is caught; on a CPU no size is run that the ones before it foretell not to fit
        (see `find_size`), as the system would end the process.

        Args:
            start: the first size.
            margin: fraction of the memory to leave free, from 0 to below 1.
            most: the largest size wanted; the number of training samples by default.

        Raises:
            ValueError: when an option is out of range.
            LearnkitError: when not even one sample fits, or memory cannot be measured here.

        Example:
            ``print(learn.batch_size_find())``
        """
        from learnkit.batch_size import find_size
        from learnkit.memory_use import memory_of

        samples = int(self.data.train_dl.n_samples)
        most = samples if most is None else most
        for name, value in (("start", start), ("most", most)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"batch_size_find(): {name} must be a whole number of at least 1, "
                    f"found {value!r}."
                )
        if not 0 <= margin < 1:
            raise ValueError(
                f"batch_size_find(): margin must be from 0 to below 1, found {margin!r}."
            )
        memory = memory_of(self.device)
        with kept_model(self.model), kept_scale(self.precision):
            return find_size(
                self._try_size, memory, start=start, most=most, margin=margin, device=self.device
            )

    @checked_keywords
    def costs(
        self, *, batches: int = 30, callbacks: Callbacks = (), cbs: Callbacks = ()
    ) -> "Costs":
        """Measure what each callback takes of a step, and count where it waits for the device.

        Runs so many real batches twice, with copies of the callbacks: once timed, once counting
        every ``item()``, ``float()`` and the like. Model and random state are put back as by
        `lr_find`. Callbacks without a hook in steps cost nothing there and are not run; nor are
        those that write files or tell services (`Callback.writes`).

        Args:
            batches: to measure, at least 1.
            callbacks: of a fit to come, besides the learner's.
            cbs: short for ``callbacks``.

        Raises:
            ValueError: when ``batches`` is out of range.
            TypeError: when a callback cannot be copied.

        Example:
            ``print(learn.costs(callbacks=EMA()))``
        """
        from learnkit.costs import WARM_UP, Stopwatches, WaitCounter, costs_of

        if isinstance(batches, bool) or not isinstance(batches, int) or batches < 1:
            raise ValueError(
                f"costs(): batches must be a whole number of at least 1, found {batches!r}."
            )
        given = [*self.callbacks, *as_callbacks(callbacks), *as_callbacks(cbs)]
        runs = []
        for _ in range(2):
            all_callbacks = self._stepping_copies(given)
            runs.append(Stopwatches(all_callbacks, batches=batches + WARM_UP))
        timed, counted = runs
        counter = WaitCounter(counted)
        names = [callback.name for callback in all_callbacks]
        self._measure(timed, batches + WARM_UP)
        with counter:
            self._measure(counted, batches + WARM_UP)
        left_out = [callback.name for callback in given if callback.writes]
        return costs_of(names, timed, counted, counter, left_out=left_out)

    def _stepping_copies(self, given: Sequence[Callback]) -> list[Callback]:
        """Return what works in steps: such as the learner has, and copies of the given ones."""
        from learnkit.costs import works_in_steps

        plan = self.last_plan
        schedule = LRSchedule(plan.schedule, plan.momentum) if plan else LRSchedule(flat_cosine())
        own = [schedule, Recorder(), self._sanity_checks()]
        try:
            copies = [deepcopy(callback) for callback in given if works_in_steps(callback)]
        except TypeError as error:
            raise TypeError(
                f"costs() measures copies of the callbacks, and one cannot be copied: {error}."
            ) from error
        return [*own, *copies]

    def _measure(self, watches: "Stopwatches", batches: int) -> None:
        state = self._trial_state(DEFAULT_LR, valid_dl=self.data.valid_dl)
        state.progress.epochs_planned = -(-batches // max(1, len(self.data.train_dl)))
        state.limit_batches(valid=1)  # callbacks may want it to be there
        state.progress.steps_planned = batches
        with kept_model(self.model), kept_scale(self.precision), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are said when it is trained
            run_fit(self._parts(state), watches.wrapped, History())

    def _sweep(self, finder: "LRFinder", progress: bool) -> "LRFindResult":
        """Run a rate sweep on a throw-away optimizer and put the model back, whatever happens."""
        state = self._trial_state(finder.start)
        state.progress.epochs_planned = -(-finder.steps // max(1, len(self.data.train_dl)))
        state.progress.steps_planned = finder.steps
        shown = [ProgressBar(table=False)] if progress else []
        with kept_model(self.model), kept_scale(self.precision):
            run_fit(self._parts(state, looks=False), [*shown, finder], History())
        if len(finder.result.lrs) < min(FEW_POINTS, finder.steps):
            warn_user(
                f"lr_find saw only {len(finder.result.lrs)} rates before the loss diverged, too "
                "few to suggest one. Start lower, or sweep before training rather than after."
            )
        return finder.result

    def _try_size(self, size: int) -> None:
        """Train on one batch of this size for two steps: the second has the optimizer's state."""
        from learnkit.one_batch import OneBatch

        state = self._trial_state(DEFAULT_LR)
        state.train_dl = OneBatch(self.data.train_dl, size)
        state.progress.epochs_planned = state.progress.steps_planned = 2
        parts = replace(self._parts(state, looks=False), task=self.task, micro_batch=None)
        run_fit(parts, [], History())

    def _trial_state(self, lr: LearningRate, *, valid_dl: BatchLoader | None = None) -> State:
        """Return the state of a fit that is taken back: its optimizer is thrown away."""
        optimizer = build_optimizer(self.opt_func, self.layer_groups)
        set_rates(optimizer, spread_rates(lr, len(self.layer_groups)), DEFAULT_DECAY)
        return self._state(optimizer, valid_dl=valid_dl)
