"""Learners for photos whose targets are more than a label: a class for each pixel."""

from typing import Final, Unpack

import torch
from torch import Tensor

from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.image_base import ImageBunchBase
from learnkit.data.segmentation_bunch import SegmentationDataBunch
from learnkit.errors import ModelError
from learnkit.learner import Learner
from learnkit.learner_options import LearnerOptions
from learnkit.models.backbone import Backbone, Weights
from learnkit.models.unet import build_unet
from learnkit.named import named_backbone
from learnkit.names import checked_keywords
from learnkit.tasks.segmentation import Segmentation

_FACTORIES: Final = {
    "CollabDataBunch": "collab_learner",
    "SequenceDataBunch": "language_learner",
    "TabularDataBunch": "tabular_learner",
    "TextDataBunch": "text_learner",
}


@checked_keywords
def unet_learner(
    data: DataBunch,
    backbone: Backbone | str,
    *,
    weights: Weights = "default",
    width: int = 256,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """Put a UNet's decoder on a backbone; with pretrained weights the body starts frozen.

    Photos are normalised with the backbone's own mean and std, in training and prediction, unless
    ``normalize=`` says otherwise. The model takes photos of any size, whole masks included.

    Args:
        data: photos with masks, such as a `SegmentationDataBunch`; or a DataBunch of your own
            loaders whose y is int64 or uint8 (B, H, W), with ``classes=``.
        backbone: such as ``models.resnet34`` or ``models.timm("convnext_tiny")``; a word names one
            of learnkit's or of a plug-in.
        weights: ``"default"``, a tag, the path of a file, or None for random ones.
        width: channels of the decoder's first step, each later one has half of them: fewer are
            faster.
        **options: those of `Learner`. ``train_bn`` is False by default with pretrained weights.

    Raises:
        WeightsError: when the weights cannot be had or do not fit.
        ModelError: when the data has no photos and masks, fewer than two classes, or photos of
            another size than the backbone takes, or this gives no maps of several sizes.
        PluginError: when a word names no backbone, metric or callback.

    Example:
        ``learn = unet_learner(data, models.resnet34, metrics=metrics.iou())``
    """
    if not isinstance(data, DataBunch):
        raise TypeError(
            f"unet_learner's data must be a SegmentationDataBunch; got {type(data).__name__}. Make "
            "one: SegmentationDataBunch.from_folders(path)."
        )
    check_photos(data, "unet_learner")
    if data.n_classes < 2:
        raise ModelError(
            f"unet_learner needs data with at least two classes; this has {data.n_classes}."
        )
    _check_masks(data)
    backbone = named_backbone(backbone)
    _check_side(data, backbone)
    seed = options.get("seed")
    model = build_unet(
        backbone,
        data.n_classes,
        weights=weights,
        width=width,
        seed=data.seed if seed is None else seed,
    )
    given: LearnerOptions = {"normalize": Normalize(backbone.mean, backbone.std), **options}
    if options.get("train_bn") is None and weights is not None:
        given["train_bn"] = False
    task = data.task or Segmentation(classes=tuple(data.classes))
    learn = Learner(data, model, task=task, **given)
    return learn.freeze() if weights is not None else learn


def check_photos(data: DataBunch, caller: str) -> None:
    """Look at a batch of what was not made from photos.

    Raises:
        ModelError: when it holds no photos; it names the function that makes a model for it.
    """
    if isinstance(data, ImageBunchBase):
        return
    x: object = data.one_batch().x
    if isinstance(x, Tensor) and x.ndim == 4 and x.is_floating_point() | (x.dtype == torch.uint8):
        return
    raise ModelError(
        f"{caller} needs photos, x (B, C, H, W); this {type(data).__name__} has x "
        f"{_shape(x)}.{_advice(data)}"
    )


def _check_masks(data: DataBunch) -> None:
    if isinstance(data, SegmentationDataBunch):
        return
    y: object = data.one_batch().y
    if not isinstance(y, Tensor) or y.ndim != 3:
        raise ModelError(
            "unet_learner needs masks, y (B, H, W), a class for each pixel; this "
            f"{type(data).__name__} has y {_shape(y)}. cnn_learner(data, backbone) makes a model "
            "for one answer to each photo."
        )


def _shape(found: object) -> str:
    return str(tuple(found.shape)) if isinstance(found, Tensor) else f"of {type(found).__name__}"


def _advice(data: DataBunch) -> str:
    """Name the function that makes a model for this data, by name, as most never import it."""
    kind = "" if data.task is None else data.task.kind
    for parent in type(data).__mro__:
        if parent.__name__ == "SequenceDataBunch" and kind != "language":
            return " Learner(data, models.lstm(...)) takes sequences."
        if parent.__name__ in _FACTORIES:
            return f" {_FACTORIES[parent.__name__]}(data) makes a model for it."
    return ""


def _check_side(data: DataBunch, backbone: Backbone) -> None:
    size: tuple[int, int] | None = getattr(data, "size", None)
    side = backbone.size
    if size is None or not backbone.fixed_size or size == (side, side):
        return
    raise ModelError(
        f"{backbone.name} takes photos of {side} x {side} pixels only, and the data's have "
        f"{size[0]} x {size[1]}: give size={side}."
    )
