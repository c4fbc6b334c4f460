"""Photos: what ``from learnkit.vision import *`` gives, and the learner made for them."""

from os import PathLike
from typing import TYPE_CHECKING

import torch

from learnkit import models
from learnkit.callback import Callback
from learnkit.callbacks import CSVLog, EarlyStopping, GradientClip, SaveBest
from learnkit.checks import Callbacks, Metrics
from learnkit.compiled import CompileMode
from learnkit.data.augment import RandomErasing
from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.presets import Transforms, aug_transforms, get_transforms
from learnkit.data.segmentation_bunch import SegmentationDataBunch
from learnkit.data.untar import URLs, untar_data
from learnkit.errors import ModelError
from learnkit.finite import NonFinite
from learnkit.history import History
from learnkit.inference import Prediction, Predictor, load_learner
from learnkit.learner import Learner
from learnkit.metrics import accuracy, error_rate, top_k
from learnkit.micro_batch import MicroBatch
from learnkit.models.backbone import Backbone, Weights
from learnkit.models.transfer import Head, build_cnn
from learnkit.models.value_range import Range
from learnkit.named import named_backbone
from learnkit.names import checked_keywords
from learnkit.optim import adamw, sgd
from learnkit.precision import Precision, PrecisionName
from learnkit.runs.checkpoints import Checkpoints
from learnkit.state import SkipBatch, State
from learnkit.types import LossFn, OptimizerFactory
from learnkit.vision_more import check_photos, unet_learner

if TYPE_CHECKING:
    from learnkit.sanity.names import Mute

__all__ = [
    "Backbone",
    "CSVLog",
    "Callback",
    "Checkpoints",
    "DataBunch",
    "EarlyStopping",
    "GradientClip",
    "History",
    "ImageDataBunch",
    "Learner",
    "Normalize",
    "Prediction",
    "Predictor",
    "RandomErasing",
    "RandomResizedCrop",
    "SaveBest",
    "SegmentationDataBunch",
    "SkipBatch",
    "State",
    "Transforms",
    "URLs",
    "accuracy",
    "adamw",
    "aug_transforms",
    "cnn_learner",
    "error_rate",
    "get_transforms",
    "load_learner",
    "models",
    "sgd",
    "top_k",
    "unet_learner",
    "untar_data",
]


@checked_keywords
def cnn_learner(
    data: DataBunch,
    backbone: Backbone | str,
    *,
    weights: Weights = "default",
    metrics: Metrics = (),
    loss_func: LossFn | None = None,
    opt_func: OptimizerFactory = adamw,
    head: Head = "fastai",
    dropout: float | None = None,
    y_range: Range | None = None,
    normalize: bool = True,
    train_bn: bool | None = None,
    compile: bool | CompileMode = False,
    nonfinite: NonFinite = "stop",
    micro_batch: MicroBatch = "auto",
    mute: "Mute" = (),
    callbacks: Callbacks = (),
    cbs: Callbacks = (),
    precision: PrecisionName | Precision = "auto",
    device: torch.device | str | None = None,
    path: str | PathLike[str] | None = None,
    seed: int | None = None,
) -> Learner:
    """Put a new head on a backbone; with pretrained weights the body starts frozen.

    Photos are normalised with the backbone's own mean and std, in training and prediction. The
    model has one output for each class or label, or for each value of a sample.

    Args:
        data: photos with classes, several labels each, values or points.
        backbone: such as ``models.resnet34`` or ``models.timm("convnext_tiny")``; a word names one
            of learnkit's or of a plug-in.
        weights: ``"default"``, a tag, the path of a file, or None for random ones.
        metrics: as in `Learner`.
        loss_func: as in `Learner`.
        opt_func: as in `Learner`.
        head: ``"fastai"``, ``"plain"`` or a module that takes maps (B, n_features, h, w).
        dropout: of the head; None takes the head's own default.
        y_range: lowest and highest value of a regression or of points, which a sigmoid is stretched
            to. The ends are never reached: let it be a little wider than the values.
        normalize: whether to normalise at all.
        train_bn: whether the body's BatchNorm layers train. False, the default with pretrained
            weights, keeps their scales and statistics as they came, frozen or not; True trains
            them in a frozen body too, as fastai does, which takes the gradient through all of it.
        compile: as in `Learner`.
        nonfinite: as in `Learner`.
        micro_batch: as in `Learner`.
        mute: as in `Learner`.
        callbacks: as in `Learner`.
        cbs: short for ``callbacks``.
        precision: as in `Learner`.
        device: as in `Learner`.
        path: as in `Learner`.
        seed: as in `Learner`; decides the head's first weights too.

    Raises:
        WeightsError: when the weights cannot be had or do not fit.
        ModelError: when the data has no photos, fewer than two classes or is of a kind that this
            model cannot answer, ``y_range`` is given for classes, or ``head`` is no head.
        PluginError: when a word names no backbone, metric or callback.

    Example::

        data = ImageDataBunch.from_folder("flowers")
        learn = cnn_learner(data, models.resnet34, metrics=accuracy)
        learn.fit(5)
    """
    if not isinstance(data, DataBunch):
        raise TypeError(
            f"cnn_learner's data must be an ImageDataBunch; got {type(data).__name__}. Make one: "
            "ImageDataBunch.from_folder(path)."
        )
    check_photos(data, "cnn_learner")
    n_outputs = _n_outputs(data, y_range)
    backbone = named_backbone(backbone)
    model = build_cnn(
        backbone,
        n_outputs,
        weights=weights,
        head=head,
        dropout=dropout,
        y_range=y_range,
        seed=data.seed if seed is None else seed,
    )
    learn = Learner(
        data,
        model,
        loss_func=loss_func,
        opt_func=opt_func,
        metrics=metrics,
        callbacks=callbacks,
        cbs=cbs,
        precision=precision,
        device=device,
        path=path,
        seed=seed,
        normalize=Normalize(backbone.mean, backbone.std) if normalize else None,
        train_bn=False if train_bn is None and weights is not None else train_bn,
        compile=compile,
        nonfinite=nonfinite,
        micro_batch=micro_batch,
        mute=mute,
    )
    return learn.freeze() if weights is not None else learn


def _n_outputs(data: DataBunch, y_range: Range | None) -> int:
    """Return how many numbers the model must answer with, one row for each photo."""
    kind = "" if data.task is None else data.task.kind
    if kind not in ("", "classification", "multilabel", "regression", "points"):
        raise ModelError(
            f"cnn_learner answers with one row of numbers for each photo; {kind} needs another "
            f"model{': unet_learner(data, backbone)' if kind == 'segmentation' else ''}."
        )
    if data.classes and y_range is not None:
        raise ModelError(
            f"y_range={y_range} is for values, but this data has {data.n_classes} classes. Leave "
            "it out."
        )
    if data.n_classes >= 2 or (data.classes and kind == "multilabel"):
        return data.n_classes
    y = data.one_batch().y
    if data.classes or not (y.is_floating_point() or y.dtype == torch.bool):
        raise ModelError(
            f"cnn_learner needs data with at least two classes; this has {data.n_classes}."
        )
    if y.ndim != 2:
        raise ModelError(
            f"cnn_learner needs targets (B, K), a row for each photo; found {tuple(y.shape)}. Of "
            "one value each make a column: y[:, None]."
        )
    return int(y.shape[1])
