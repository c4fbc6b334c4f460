"""What a user does with a model: fit, look, predict, keep. Every loop is `learnkit.loop`."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import torch

from learnkit.data.bunch import AnyLoader
from learnkit.inference import Prediction, Predictor
from learnkit.learner_more import LearnerMore
from learnkit.names import checked_keywords
from learnkit.phases import evaluate
from learnkit.predictions import Predictions, augmented_views, predict_loader


class Learner(LearnerMore):
    """Data, a model, a loss, an optimizer and metrics, with the methods that use them.

    Args:
        data: loaders, classes and loss.
        model: any ``nn.Module``; it is moved to ``device``.
        task: what is predicted, see `learnkit.tasks`; found out from the data by default.
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
        nonfinite: what a NaN or infinite training loss does: ``"stop"`` ends the fit, ``"skip"``
            leaves the batch out, ``"rollback"`` goes back to the last checkpoint with half the
            rate. In all of them the weights stay those before the batch.
        micro_batch: how many samples are computed at once. ``"auto"`` halves the batch where memory
            runs out, with the same step; None never does.
        mute: names of checks that say nothing, see ``docs/checks.md``.

    Raises:
        ModelError, MetricError, ValueError, TypeError: when a part does not fit its place.
    """

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

    def predict(self, item: object) -> Prediction:
        """Answer for one photo (path, PIL image, array), row (dict), text or tensor."""
        return self._predictor().predict(item)

    @checked_keywords
    def predict_batch(self, items: Sequence[Any], *, batch_size: int = 64) -> list[Prediction]:
        """Answer for many samples, in their order, ``batch_size`` at once; see `predict`.

        Raises:
            DataError: when one cannot be read; such as ``learn.predict_batch("one text")``.
        """
        return self._predictor().predict_batch(items, batch_size=batch_size)

    def _predictor(self) -> Predictor:
        return Predictor(
            self.model,
            self._card(),
            device=self.device,
            precision=self.precision,
            fast=self._fast,
        )

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
        """Show validation samples with prediction and truth: photos drawn, rows and texts printed.

        A wrong class is titled in red; masks, points and pictures stand beside what is predicted.

        Args:
            n: how many, spread over the validation set.
            path: a file to save the picture to, or the rows as text; None shows them.
        """
        from learnkit.interpret import show_samples

        show_samples(
            self._engine(),
            self.task,
            self._loader(None),
            inputs=self.data.inputs,
            n=n,
            path=path,
        )

    def summary(self) -> str:
        """Return a table of layers with output shapes and parameters, for one batch of the data."""
        from learnkit.models.summary import summary

        loaded = next(self.data.train_dl.batches(0))
        batch = self.pipeline.prepare(loaded, keys=None)
        return str(summary(self.model, self.task.question(self.model, batch)))

    @checked_keywords
    def save(self, path: str | PathLike[str], *, optimizer: bool = True) -> Path:
        """Write model, optimizer and history to a folder, to go on training later.

        Raises:
            CheckpointError: when the folder cannot be written; an older one there is untouched.
        """
        from learnkit.saving import write_learner

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
        from learnkit.saving import read_learner

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
        from learnkit.export import write_export

        return write_export(self.path / path, self.model, self._card(self.fingerprint()))

    def __repr__(self) -> str:
        groups = len(self.layer_groups)
        return (
            f"Learner({type(self.model).__name__}, {groups} layer groups, "
            f"{len(self.data.classes)} classes, {self.precision.name} on {self.device})"
        )
