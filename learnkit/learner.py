"""What a user does with a model: fit, look, predict, keep. Every loop is `learnkit.loop`."""

from os import PathLike
from pathlib import Path
from typing import Self

import torch

from learnkit.callbacks.lr_finder import LRFinder
from learnkit.checks import Callbacks, as_callbacks
from learnkit.data.bunch import AnyLoader
from learnkit.data.decode import ImageLike
from learnkit.export import write_export
from learnkit.history import History
from learnkit.inference import Prediction, Predictor
from learnkit.interpret import draw_results
from learnkit.learner_base import DEFAULT_DECAY, DEFAULT_LR, LearnerBase
from learnkit.loop import evaluate
from learnkit.lr_find import LRFindResult
from learnkit.models.summary import summary
from learnkit.names import checked_keywords
from learnkit.optim import LearningRate
from learnkit.plan import FitPlan, fine_tune_rates, one_cycle_plan
from learnkit.predictions import Predictions, augmented_views, predict_loader
from learnkit.saving import read_learner, write_learner
from learnkit.schedule import Schedule, flat_cosine


class Learner(LearnerBase):
    """Data, a model, a loss, an optimizer and metrics, with the methods that use them.

    Args:
        data: loaders, classes and loss.
        model: any ``nn.Module``; it is moved to ``device``.
        loss_func: (preds, targets) to a scalar; the data's own by default.
        opt_func: any ``torch.optim`` class or partial; AdamW by default.
        splitter: model to layer groups, early to late; the model's ``layer_groups`` by default,
            or one group.
        metrics: functions (preds, targets) to a scalar, torchmetrics objects or `Metric` objects.
        callbacks: run in every fit.
        cbs: short for ``callbacks``.
        precision: auto, fp32, bf16 or fp16, or a `Precision`.
        device: the best there is by default.
        path: the folder that `save`, `load` and `export` start from; the current one by default.
        seed: what every random choice depends on; the data's by default.
        normalize: applied to every batch of photos, in training and prediction.
        train_bn: None lets norm layers train with their layer group; True trains those of frozen
            groups too, as fastai does; False never trains BatchNorm outside the last group.
        compile: True, or a mode of ``torch.compile``, compiles the model before the first epoch of
            each fit; without a compiler one warning says so and the fit goes on.

    Raises:
        ModelError, MetricError, ValueError, TypeError: when a part does not fit its place.
    """

    @checked_keywords
    def fit(
        self,
        epochs: int,
        lr: LearningRate = DEFAULT_LR,
        *,
        schedule: Schedule | None = None,
        weight_decay: float = DEFAULT_DECAY,
        accumulate: int = 1,
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        progress: bool = True,
    ) -> History:
        """Train, and return a row of numbers per epoch.

        Args:
            epochs: passes over the training samples.
            lr: peak learning rate: a number, ``slice(lo, hi)`` over the layer groups, or one each.
            schedule: multiplier of the rate as a function of the fraction done; flat, then a
                cosine to zero by default.
            weight_decay: of weights, not of norms and biases.
            accumulate: batches per optimizer step.
            callbacks: for this fit only.
            cbs: short for ``callbacks``.
            progress: whether to show a bar and the table.

        Raises:
            NonFiniteLossError: when the training loss becomes NaN or infinite.
            MonitorError: when a callback watches a value that is not computed.
        """
        plan = FitPlan(
            epochs=epochs,
            lr=lr,
            weight_decay=weight_decay,
            schedule=schedule or flat_cosine(),
            schedule_name="flat, then cosine" if schedule is None else "given schedule",
            accumulate=accumulate,
        )
        return self._run(plan, as_callbacks(callbacks) + as_callbacks(cbs), progress)

    @checked_keywords
    def fit_one_cycle(
        self,
        epochs: int,
        max_lr: LearningRate = DEFAULT_LR,
        *,
        pct_start: float = 0.25,
        div: float = 25.0,
        div_final: float = 1e5,
        weight_decay: float = DEFAULT_DECAY,
        accumulate: int = 1,
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        progress: bool = True,
    ) -> History:
        """Train with the 1cycle policy: rate up and down once, momentum down and up.

        Args:
            epochs: passes over the training samples.
            max_lr: the peak, as ``lr`` of `fit`.
            pct_start: fraction of the steps that the rate rises for, in (0, 1).
            div: the rate starts at ``max_lr / div``.
            div_final: and ends at ``max_lr / div_final``.
            weight_decay: as in `fit`.
            accumulate: as in `fit`.
            callbacks: as in `fit`.
            cbs: short for ``callbacks``.
            progress: as in `fit`.
        """
        plan = one_cycle_plan(
            epochs,
            max_lr,
            weight_decay=weight_decay,
            pct_start=pct_start,
            div=div,
            div_final=div_final,
            accumulate=accumulate,
        )
        return self._run(plan, as_callbacks(callbacks) + as_callbacks(cbs), progress)

    @checked_keywords
    def fine_tune(
        self,
        epochs: int,
        base_lr: float = 4e-3,
        *,
        freeze_epochs: int = 1,
        lr_mult: float = 100.0,
        pct_start: float = 0.3,
        div: float = 5.0,
        weight_decay: float = DEFAULT_DECAY,
        callbacks: Callbacks = (),
        cbs: Callbacks = (),
        progress: bool = True,
    ) -> History:
        """Train the head alone for ``freeze_epochs``, then everything for ``epochs``.

        Args:
            epochs: with all layers; the head at half ``base_lr``, the body far slower.
            base_lr: peak rate of the frozen epochs.
            freeze_epochs: with the head alone.
            lr_mult: how much slower than the head the last layer group of the body learns; the
                first learns ten times slower still.
            pct_start: as in `fit_one_cycle`, for the second part.
            div: as in `fit_one_cycle`, for the second part.
            weight_decay: as in `fit`.
            callbacks: run in both parts.
            cbs: short for ``callbacks``.
            progress: as in `fit`.

        Returns:
            The rows of both parts.
        """
        extra = as_callbacks(callbacks) + as_callbacks(cbs)
        rates = fine_tune_rates(base_lr / 2, len(self.layer_groups), lr_mult=lr_mult)
        # both are planned before either runs, so that a wrong option costs no epoch
        whole = one_cycle_plan(
            epochs, rates, weight_decay=weight_decay, pct_start=pct_start, div=div
        )
        rows: list[dict[str, float]] = []
        if freeze_epochs:
            head = one_cycle_plan(
                freeze_epochs, slice(base_lr), weight_decay=weight_decay, pct_start=0.99
            )
            self.freeze()
            rows += self._run(head, extra, progress)
        self.unfreeze()
        second = self._run(whole, extra, progress)
        return History([*rows, *second], stop_reason=second.stop_reason)

    @checked_keywords
    def lr_find(
        self, *, start: float = 1e-7, end: float = 10.0, steps: int = 100, progress: bool = True
    ) -> LRFindResult:
        """Sweep the learning rate up over real batches and return the curve with suggestions.

        Model and random state are put back afterwards, also after an error or Ctrl-C; the
        optimizer of the learner takes no part (Smith 2017, arXiv 1506.01186, section 3.3).

        Args:
            start: first rate of the last layer group; the other groups keep their ratio of 1.
            end: last rate, if the loss does not diverge before.
            steps: batches in the whole sweep.
            progress: whether to show a bar.
        """
        return self._sweep(LRFinder(start=start, end=end, steps=steps), progress)

    def validate(self, dl: AnyLoader | None = None) -> dict[str, float]:
        """Return ``valid_loss`` and every metric over ``dl``, the validation loader by default."""
        loader = self._loader(dl)
        return evaluate(self._parts(self._state(None, valid_dl=loader)), loader)

    @checked_keywords
    def get_preds(self, dl: AnyLoader | None = None, *, activate: bool = True) -> Predictions:
        """Predict a whole loader, the validation one by default.

        Args:
            dl: what to predict.
            activate: whether to apply the loss's activation, so that classes get probabilities;
                False gives logits.

        Returns:
            ``preds`` float32 (N, K) and ``targets`` (N,), in the loader's order, on the CPU.
        """
        raw = predict_loader(self._engine(), self._loader(dl))
        return Predictions(self.task.activate(raw.preds), raw.targets) if activate else raw

    def predict(self, item: ImageLike) -> Prediction:
        """Answer for one photo (path, PIL image, array) or, without photo inputs, one tensor."""
        predictor = Predictor(
            self.model,
            self._card(),
            device=self.device,
            precision=self.precision,
            fast=self._fast,
        )
        return predictor.predict(item)

    @checked_keywords
    def tta(self, dl: AnyLoader | None = None, *, n: int = 4, beta: float = 0.25) -> Predictions:
        """Predict with test-time augmentation: ``n`` augmented views and the plain one.

        Args:
            dl: what to predict, the validation loader by default.
            n: augmented views; they get the batch transforms of training.
            beta: weight of the plain view, in [0, 1].

        Returns:
            Probabilities float32 (N, K) and targets (N,).
        """
        if not 0 <= beta <= 1:
            raise ValueError(
                f"tta needs beta, the weight of the plain view, in [0, 1]; got {beta}."
            )
        loader = self._loader(dl)
        plain = self.get_preds(loader)
        views = augmented_views(self._engine(), loader, n=n, seed=self.seed)
        mean = torch.stack([self.task.activate(preds) for preds in views]).mean(0)
        return Predictions(torch.lerp(mean, plain.preds, beta), plain.targets)

    @checked_keywords
    def show_results(self, n: int = 9, *, path: str | PathLike[str] | None = None) -> None:
        """Draw validation photos with predicted and true class, wrong answers in red.

        Args:
            n: how many, spread over the validation set.
            path: a file to save the picture to; None shows it on the screen or in the notebook.
        """
        draw_results(
            self._engine(), self.task, self._loader(None), classes=self.task.classes, n=n, path=path
        )

    def summary(self) -> str:
        """Return a table of layers with output shapes and parameters, for one batch of the data."""
        loaded = next(self.data.train_dl.batches(0))
        return str(summary(self.model, self.pipeline.prepare(loaded, keys=None).x))

    @checked_keywords
    def save(self, path: str | PathLike[str], *, optimizer: bool = True) -> Path:
        """Write model, optimizer and history to a folder, to go on training later.

        Raises:
            CheckpointError: when the folder cannot be written; an older one there is untouched.
        """
        return write_learner(
            self.path / path,
            model=self.model,
            optimizer=self.optimizer if optimizer else None,
            precision=self.precision,
            seen=self._seen,
            history=self.history,
        )

    @checked_keywords
    def load(self, path: str | PathLike[str], *, optimizer: bool = True) -> Self:
        """Take back what `save` wrote, from the same architecture.

        Raises:
            CheckpointError: when it is missing, damaged, or does not fit, naming the tensors.
        """
        self.history = read_learner(
            self.path / path,
            model=self.model,
            optimizer=self.optimizer if optimizer else None,
            precision=self.precision,
            seen=self._seen,
        )
        return self

    def export(self, path: str | PathLike[str]) -> Path:
        """Write ``model.safetensors`` and ``model.json``, for `load_learner`.

        Raises:
            ExportError: when the folder cannot be written.
        """
        return write_export(self.path / path, self.model, self._card())

    def __repr__(self) -> str:
        groups = len(self.layer_groups)
        return (
            f"Learner({type(self.model).__name__}, {groups} layer groups, "
            f"{len(self.data.classes)} classes, {self.precision.name} on {self.device})"
        )
