"""The working side of a Learner: its parts, its optimizer, and how it calls the loop."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Self, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer

from learnkit.callback import Callback
from learnkit.callbacks.lr_finder import LRFinder
from learnkit.callbacks.lr_schedule import LRSchedule
from learnkit.callbacks.progress import ProgressBar
from learnkit.callbacks.recorder import Recorder
from learnkit.checks import (
    Callbacks,
    as_callbacks,
    check_factory,
    check_groups,
    check_normalize,
    check_parts,
    choose_loss,
    image_inputs,
    place,
)
from learnkit.compiled import CompiledTask, CompileMode, check_compile
from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.bunch import AnyLoader, DataBunch, as_loader
from learnkit.data.warn import warn_user
from learnkit.device import device_words, resolve_device
from learnkit.errors import ModelError
from learnkit.export import ModelCard
from learnkit.history import History
from learnkit.loop import Parts, run_fit
from learnkit.lr_find import LRFindResult
from learnkit.metrics import MetricLike, as_metrics
from learnkit.models.fast_body import FastBody
from learnkit.models.freeze import set_requires_grad, train_mode
from learnkit.names import checked_keywords
from learnkit.optim import LayerGroups, adamw, build_optimizer, set_rates, spread_rates
from learnkit.plan import FitPlan, opening_line
from learnkit.precision import Precision, PrecisionName, choose_precision
from learnkit.predictions import Engine
from learnkit.randomness import kept_generators
from learnkit.state import Progress, State
from learnkit.task import Supervised
from learnkit.types import BatchLoader, LossFn, OptimizerFactory, batches_of

Splitter: TypeAlias = Callable[[nn.Module], LayerGroups]

DEFAULT_LR = 3e-3
DEFAULT_DECAY = 1e-2
FEW_POINTS = 10  # on a rate curve


class LearnerBase:
    """Holds a learner's parts; see `Learner` for what they are."""

    @checked_keywords
    def __init__(
        self,
        data: DataBunch,
        model: nn.Module,
        *,
        loss_func: LossFn | None = None,
        opt_func: OptimizerFactory = adamw,
        splitter: Splitter | None = None,
        metrics: MetricLike | Sequence[MetricLike] = (),
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        precision: PrecisionName | Precision = "auto",
        device: torch.device | str | None = None,
        path: str | PathLike[str] | None = None,
        seed: int | None = None,
        normalize: Normalize | None = None,
        train_bn: bool | None = None,
        compile: bool | CompileMode = False,
    ) -> None:
        check_parts(data, model)
        check_factory(opt_func)
        check_normalize(normalize)
        self.data, self.model = data, model
        self.device = resolve_device(device)
        self.precision, self._precision_reason = choose_precision(precision, self.device, model)
        place(model, self.device, channels_last=self.precision.channels_last)
        self.task = Supervised(choose_loss(loss_func, data), tuple(data.classes))
        self.metrics = as_metrics(metrics)
        self.callbacks = as_callbacks(callbacks) + as_callbacks(cbs)
        self.path = Path(path) if path is not None else Path()
        self.seed = data.seed if seed is None else seed
        self.normalize = normalize
        self.train_bn = train_bn
        self.history = History()
        self.recorder = Recorder()
        self._opt_func, self._splitter = opt_func, splitter
        self._optimizer: Optimizer | None = None
        self._seen = Progress()
        self._fast = FastBody()
        mode = check_compile(compile)
        size = data.train_dl.batch_size
        self._compiled = CompiledTask(self.task, mode, size) if mode is not None else None

    @property
    def layer_groups(self) -> LayerGroups:
        """The model's parameters, early to late."""
        if self._splitter is not None:
            return check_groups(self._splitter(self.model))
        own = getattr(self.model, "layer_groups", None)
        return own() if callable(own) else [list(self.model.parameters())]

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer over all layer groups; it is kept from one fit to the next."""
        if self._optimizer is None:
            self._optimizer = build_optimizer(self._opt_func, self.layer_groups)
        return self._optimizer

    @property
    def pipeline(self) -> BatchPipeline:
        """What happens to a batch on the device."""
        return BatchPipeline(
            device=self.device, tfms=self.data.batch_tfms, normalize=self.normalize
        )

    def freeze_to(self, n: int) -> Self:
        """Train the layer groups from ``n`` on; negative counts from the end, as in a list."""
        groups = self.layer_groups
        upto = n if not isinstance(n, int) or n >= 0 else len(groups) + n
        if upto not in range(len(groups)):
            raise ValueError(f"freeze_to({n!r}): the model has {len(groups)} layer groups.")
        set_requires_grad(groups, self.model, upto, train_bn=self.train_bn)
        return self

    def freeze(self) -> Self:
        """Train the last layer group only."""
        return self.freeze_to(-1)

    def unfreeze(self) -> Self:
        """Train every layer group."""
        return self.freeze_to(0)

    def _run(self, plan: FitPlan, callbacks: Sequence[Callback], progress: bool) -> History:
        if plan.accumulate > 1 and isinstance(self.optimizer, torch.optim.LBFGS):
            raise ValueError(
                "L-BFGS computes the loss of one batch again and again within a step, so it cannot "
                f"accumulate over {plan.accumulate}; leave accumulate out and take larger batches."
            )
        rates = spread_rates(plan.lr, len(self.layer_groups))
        set_rates(self.optimizer, rates, plan.weight_decay)
        state = self._state(self.optimizer, valid_dl=self.data.valid_dl)
        batches = len(self.data.train_dl)
        state.progress.epochs_planned = plan.epochs
        state.progress.steps_planned = plan.epochs * -(-batches // plan.accumulate)
        words = f"{self.precision.name} ({self._precision_reason})"
        line = opening_line(plan, state, rates, precision=words, device=device_words(self.device))
        built_in: list[Callback] = [LRSchedule(plan.schedule, plan.momentum), self.recorder]
        lines = [line] if self._compiled is None else [line, self._warmed_up(self._compiled)]
        shown = [ProgressBar(lines=lines)] if progress else []
        history = History()
        try:
            run_fit(
                self._parts(state, accumulate=plan.accumulate),
                [*shown, *built_in, *self.callbacks, *callbacks],
                history,
            )
        finally:
            self._seen.epochs_before += len(history)
            self._seen.batches_seen = state.progress.batches_seen
            self.history = History([*self.history, *history], stop_reason=state.stop_reason)
        return history

    def _state(self, optimizer: Optimizer | None, *, valid_dl: BatchLoader | None) -> State:
        directions: dict[str, bool | None] = {"train_loss": False}
        if valid_dl is not None:
            directions["valid_loss"] = False
            directions |= {metric.name: metric.higher_is_better for metric in self.metrics}
        return State(
            self.model,
            device=self.device,
            optimizer=optimizer,
            train_dl=self.data.train_dl,
            valid_dl=valid_dl,
            higher_is_better=directions,
            progress=Progress(
                epochs_before=self._seen.epochs_before, batches_seen=self._seen.batches_seen
            ),
        )

    def _parts(self, state: State, *, accumulate: int = 1, stop_at_nonfinite: bool = True) -> Parts:
        return Parts(
            state=state,
            task=self._compiled or self.task,
            precision=self.precision,
            pipeline=self.pipeline,
            metrics=self.metrics,
            seed=self.seed,
            accumulate=accumulate,
            stop_at_nonfinite=stop_at_nonfinite,
            # what it does by the way is nothing that can be compiled
            fast=self._fast if self._compiled is None else None,
        )

    def _warmed_up(self, compiled: CompiledTask) -> str:
        """Compile before the first epoch, so that its time is that of training."""
        with kept_generators(self.device), batches_of(self.data.train_dl) as batches:
            first = next(batches, None)
            if first is None:
                return "not compiled: there is no batch"
            try:
                train_mode(self.model)
                batch = self.pipeline.prepare(first, keys=None)
                return compiled.warm_up(self.model, batch, self.precision)
            finally:
                self.model.eval()

    def _engine(self) -> Engine:
        return Engine(self.model, self.pipeline, self.precision, self._fast)

    def _loader(self, dl: AnyLoader | None) -> BatchLoader:
        loader = dl if dl is not None else self.data.valid_dl
        if loader is None:
            raise ModelError(
                "this data has no validation samples; pass a loader, or make the data with "
                "valid_pct=0.2."
            )
        return as_loader(loader, "dl", self.seed)

    def _card(self) -> ModelCard:
        return ModelCard(
            spec=getattr(self.model, "spec", None),
            classes=tuple(self.data.classes),
            inputs=image_inputs(self.data, self.normalize),
            activation=self.task.activation,
            metrics=self.history[-1] if len(self.history) else {},
        )

    def _sweep(self, finder: LRFinder, progress: bool) -> LRFindResult:
        """Run a rate sweep on a throw-away optimizer and put the model back, whatever happens."""
        saved = {name: value.clone() for name, value in self.model.state_dict().items()}
        scale = self.precision.state_dict()
        optimizer = build_optimizer(self._opt_func, self.layer_groups)
        set_rates(optimizer, spread_rates(finder.start, len(self.layer_groups)), DEFAULT_DECAY)
        state = self._state(optimizer, valid_dl=None)
        state.progress.epochs_planned = -(-finder.steps // max(1, len(self.data.train_dl)))
        state.progress.steps_planned = finder.steps
        shown = [ProgressBar(table=False)] if progress else []
        try:
            run_fit(self._parts(state, stop_at_nonfinite=False), [*shown, finder], History())
        finally:
            self.model.load_state_dict(saved)
            self.precision.load_state_dict(scale)
        if len(finder.result.lrs) < min(FEW_POINTS, finder.steps):
            warn_user(
                f"lr_find saw only {len(finder.result.lrs)} rates before the loss diverged, too "
                "few to suggest one. Start lower, or sweep before training rather than after."
            )
        return finder.result
