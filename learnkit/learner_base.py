"""The working side of a Learner: its parts, its optimizer, and how it calls the loop."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch
from torch import nn
from torch.optim import Optimizer

from learnkit.callback import Callback
from learnkit.callbacks.recorder import Recorder
from learnkit.checks import (
    Callbacks,
    Metrics,
    Splitter,
    as_callbacks,
    check_factory,
    check_groups,
    check_normalize,
    check_parts,
    choose_task,
    model_inputs,
    place,
    pretrained_normalize,
)
from learnkit.compiled import CompiledTask, CompileMode, check_compile
from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.bunch import AnyLoader, DataBunch, as_loader
from learnkit.device import resolve_device
from learnkit.errors import ModelError
from learnkit.finite import NonFinite, check_nonfinite
from learnkit.forward import Parts
from learnkit.history import History
from learnkit.metrics import as_metrics
from learnkit.micro_batch import MicroBatch, check_micro_batch
from learnkit.models.fast_body import FastBody
from learnkit.models.freeze import set_requires_grad, train_mode
from learnkit.named import named_metrics
from learnkit.names import checked_keywords
from learnkit.optim import LayerGroups, adamw, build_optimizer
from learnkit.precision import Precision, PrecisionName, choose_precision
from learnkit.predictions import Engine
from learnkit.progress import Progress
from learnkit.randomness import kept_generators
from learnkit.state import State
from learnkit.tasks import Task
from learnkit.types import BatchLoader, LossFn, OptimizerFactory, batches_of

if TYPE_CHECKING:
    from learnkit.card import ModelCard
    from learnkit.sanity.names import Mute

DEFAULT_LR = 3e-3
DEFAULT_DECAY = 1e-2


class LearnerBase:
    """Holds a learner's parts; see `Learner` for what they are."""

    @checked_keywords
    def __init__(
        self,
        data: DataBunch,
        model: nn.Module,
        *,
        task: Task | None = None,
        loss_func: LossFn | None = None,
        opt_func: OptimizerFactory = adamw,
        splitter: Splitter | None = None,
        metrics: Metrics = (),
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        precision: PrecisionName | Precision = "auto",
        device: torch.device | str | None = None,
        path: str | PathLike[str] | None = None,
        seed: int | None = None,
        normalize: Normalize | None = None,
        train_bn: bool | None = None,
        compile: bool | CompileMode = False,
        nonfinite: NonFinite = "stop",
        micro_batch: MicroBatch = "auto",
        mute: "Mute" = (),
    ) -> None:
        check_parts(data, model)
        check_factory(opt_func)
        check_normalize(normalize)
        check_nonfinite(nonfinite)
        check_micro_batch(micro_batch)
        self.data, self.model = data, model
        self.device = resolve_device(device)
        self.precision, self.precision_reason = choose_precision(precision, self.device, model)
        place(model, self.device, channels_last=self.precision.channels_last)
        self.loss_given = loss_func is not None
        self.task = choose_task(task, loss_func, data)
        self.metrics = as_metrics(named_metrics(metrics))
        self.callbacks = as_callbacks(callbacks) + as_callbacks(cbs)
        self.path = Path(path) if path is not None else Path()
        self.seed = data.seed if seed is None else seed
        self.normalize = normalize
        self.train_bn = train_bn
        self.nonfinite, self.micro_batch = nonfinite, micro_batch
        self.history = History()
        self.recorder = Recorder()
        self._mute = mute
        self._checks = self._sanity_checks()
        self.opt_func, self._splitter = opt_func, splitter
        self._optimizer: Optimizer | None = None
        self._seen = Progress()
        self._fast = FastBody()
        mode = check_compile(compile)
        size = data.train_dl.batch_size
        self._compiled = CompiledTask(self.task, mode, size) if mode is not None else None

    def _sanity_checks(self) -> Callback:
        from learnkit.callbacks.sanity_checks import SanityChecks

        expected = pretrained_normalize(self.model)
        return SanityChecks(
            mute=self._mute,
            quiet=getattr(self.task, "mutes", ()),
            turns=getattr(self.task, "turns", 1),
            classes=self.task.classes,
            pretrained=expected,
        )

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
            self._optimizer = build_optimizer(self.opt_func, self.layer_groups)
        return self._optimizer

    @property
    def pipeline(self) -> BatchPipeline:
        """What happens to a batch on the device."""
        return BatchPipeline(
            device=self.device,
            tfms=self.data.batch_tfms,
            normalize=self.normalize,
            moves=self.task.moves,
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
            classes=tuple(self.task.classes),
            precision=self.precision.name,
            inputs=self.data.inputs,
        )

    def _parts(self, state: State, *, looks: bool = True) -> Parts:
        return Parts(
            state=state,
            task=self._compiled or self.task,
            precision=self.precision,
            pipeline=self.pipeline,
            metrics=self.metrics,
            seed=self.seed,
            nonfinite=self.nonfinite if looks else None,
            micro_batch=self.micro_batch,
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
        return Engine(self.model, self.pipeline, self.precision, self._fast, self.task.question)

    def _loader(self, dl: AnyLoader | None) -> BatchLoader:
        loader = dl if dl is not None else self.data.valid_dl
        if loader is None:
            raise ModelError(
                "this data has no validation samples; pass a loader, or make the data with "
                "valid_pct=0.2."
            )
        return as_loader(loader, "dl", self.seed)

    def _card(self, fingerprint: str = "") -> "ModelCard":
        from learnkit.card import ModelCard

        return ModelCard(
            spec=getattr(self.model, "spec", None),
            classes=tuple(self.task.classes),
            inputs=model_inputs(self.data, self.normalize),
            activation=self.task.activation,
            task=self.task,
            metrics=self.history[-1] if len(self.history) else {},
            fingerprint=fingerprint,
        )
