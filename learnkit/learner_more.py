"""A learner beside others: simple answers, soups of checkpoints, old classes; and as HTML."""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from learnkit.data.bunch import AnyLoader
from learnkit.learner_past import LearnerPast
from learnkit.models.fast_body import FastBody
from learnkit.names import checked_keywords
from learnkit.phases import evaluate
from learnkit.predictions import predict_loader

if TYPE_CHECKING:
    from learnkit.baselines.result import Baselines
    from learnkit.explain import Explanation
    from learnkit.intervals import Intervals
    from learnkit.models.soup_result import Soup
    from learnkit.models.warm_start import WarmStart
    from learnkit.models.weights import StateDict
    from learnkit.monitor import Mode


class LearnerMore(LearnerPast):
    """A learner that compares itself, mixes and begins from others; see `Learner`."""

    @checked_keywords
    def baselines(
        self,
        dl: AnyLoader | None = None,
        *,
        n: int = 1000,
        probe: bool = True,
        init_head: bool = False,
    ) -> "Baselines":
        """Measure simple answers on validation: the bar to beat, in the first seconds.

        The majority class, 1 and 5 nearest neighbours and a linear probe on the features that the
        body gives as it is (for values the mean, neighbours and ridge); the inputs themselves where
        the model has no body. Validation samples that lie by a training sample are named. But for
        ``init_head`` nothing of the learner changes.

        Args:
            dl: what is answered for; the validation loader by default.
            n: samples of each side, the first of the loaders' epoch 0; without augmentation
                and random crops.
            probe: whether to fit the probe.
            init_head: start the head from the probe; for a head that is one linear layer.

        Raises:
            ModelError: when there is no validation, targets are of another kind, or the head is
                not one that a probe can start.

        Example:
            ``print(learn.baselines())``
        """
        from learnkit.baselines.plain_view import plain_train_dl
        from learnkit.baselines.run import Setting, run_baselines

        setting = Setting(
            kind=getattr(self.task, "kind", ""),
            engine=self._engine()._replace(fast=FastBody()),  # the learner's own remembers others
            train_dl=plain_train_dl(self.data),
            valid_dl=self._loader(dl),
            classes=tuple(self.data.classes),
            activate=self.task.activate,
            seed=self.seed,
        )
        return run_baselines(setting, n=n, probe=probe, init_head=init_head)

    @checked_keywords
    def soup(
        self,
        checkpoints: str | PathLike[str] | Sequence[str | PathLike[str]],
        *,
        monitor: str = "valid_loss",
        mode: "Mode | None" = None,
    ) -> "Soup":
        """Average those checkpoints whose mean is best on validation, and take these weights.

        On validation it is never worse than the best of them; see `models.soup`. After an error or
        Ctrl-C the model is as it was.

        Args:
            checkpoints: files of weights, folders of ``learn.save``, ``learn.export`` or a fit's
                checkpoints, or a folder of such; from the learner's ``path``.
            monitor: ``"valid_loss"`` or a metric.
            mode: ``"min"`` or ``"max"``; None follows the metric's own direction.

        Raises:
            CheckpointError: for a checkpoint that is missing, damaged or of another architecture.
            MonitorError: when ``monitor`` is not computed, or has no direction.

        Example:
            ``print(learn.soup("best", monitor="accuracy"))``
        """
        from learnkit.kept_model import kept_model
        from learnkit.models.greedy_soup import soup
        from learnkit.models.saved import saved_weights
        from learnkit.monitor import check_mode, resolve
        from learnkit.signals import Interrupts

        loader = self._loader(None)
        check_mode(mode, owner="soup")
        computed = dict(self._state(None, valid_dl=loader).higher_is_better)
        computed.pop("train_loss")
        watch = resolve(monitor, mode, computed, owner="soup")

        def score(weights: "StateDict") -> float:
            self.model.load_state_dict(weights)
            return evaluate(self._parts(self._state(None, valid_dl=loader)), loader)[monitor]

        with kept_model(self.model):
            found = soup(
                saved_weights(checkpoints, self.path),
                score=score,
                higher_is_better=watch.mode == "max",
                like=self.model.state_dict(),
            )
        with Interrupts():  # all of it or none
            self.model.load_state_dict(found.weights)
        return found

    @checked_keywords
    def intervals(self, *, confidence: float = 0.95, dl: AnyLoader | None = None) -> "Intervals":
        """Return every metric with a confidence interval; see `metrics.interval`.

        The interval says how far the number may be off because the samples are few; not how it
        changes with the seed of the training.

        Args:
            confidence: that the interval holds the true value, in (0, 1).
            dl: what is predicted, the validation loader by default.

        Raises:
            MetricError: when the learner has no metrics, or its targets are its inputs.
        """
        from learnkit.intervals import intervals_of, metrics_of

        metrics = metrics_of(self.task, self.metrics)
        raw = predict_loader(self._engine(), self._loader(dl))
        return intervals_of(metrics, raw.preds, raw.targets, confidence=confidence, seed=self.seed)

    def warm_start(self, path: str | PathLike[str]) -> "WarmStart":
        """Take the weights of an export with other classes: the body whole, the head by class name.

        Classes that both know keep their rows of the last layer, new ones get fresh rows of the
        same mean length, others are dropped. Optimizer and history stay as they are.

        Args:
            path: the folder that ``learn.export()`` wrote, from the learner's ``path``.

        Raises:
            ExportError: when it is missing or damaged.
            CheckpointError: when it is of another architecture, naming the tensors.

        Example:
            ``print(learn.warm_start("old-model"))``
        """
        from learnkit.old_classes import start_from_export

        return start_from_export(self.model, self.path / path, self._card())

    def explain(self) -> "Explanation":
        """Say what was decided for the next fit, why, and how to decide otherwise.

        About data, model, optimizer and numbers; of a learner that has been trained, what its last
        fit did. Nothing is computed.

        Example:
            ``print(learn.explain())``
        """
        from learnkit.explain import explain

        return explain(self)

    def _repr_html_(self) -> str:
        from learnkit.reprs import facts

        return facts("Learner", {**self._model_facts(), **self._data_facts()})

    def _model_facts(self) -> dict[str, str]:
        groups = self.layer_groups
        frozen = sum(not any(p.requires_grad for p in group) for group in groups)
        total = sum(p.numel() for p in self.model.parameters())
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        name = type(self.model).__name__
        backbone = getattr(getattr(self.model, "backbone", None), "name", None)
        return {
            "model": name if not isinstance(backbone, str) else f"{name} of {backbone}",
            "parameters": f"{total:,}, of which {trained:,} train",
            "layer groups": f"{len(groups)}, {frozen} frozen" if frozen else str(len(groups)),
            "precision": f"{self.precision.name} ({self.precision_reason})",
            "device": str(self.device),
        }

    def _data_facts(self) -> dict[str, str]:
        from learnkit.reprs import few, figure

        data = self.data
        valid = "none" if data.valid_dl is None else f"{data.valid_dl.n_samples:,}"
        last = self.history[-1] if len(self.history) else {}
        loss = getattr(self.task, "loss_func", self.task)
        return {
            "train, valid": f"{data.train_dl.n_samples:,}, {valid} samples",
            "classes": f"{data.n_classes:,}: {few(data.classes)}" if data.classes else "",
            "loss": str(getattr(loss, "__name__", type(loss).__name__)),
            "metrics": few([metric.name for metric in self.metrics]),
            "epochs so far": str(len(self.history)),
            "last epoch": ", ".join(f"{name} {figure(value)}" for name, value in last.items()),
        }
