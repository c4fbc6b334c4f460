"""fastai's photos and learner, silent."""

from typing import Any

from fastai.vision.all import (
    DataLoaders,
    Flip,
    ImageDataLoaders,
    Learner,
    Normalize,
    RandomResizedCrop,
    Resize,
    accuracy,
    imagenet_stats,
    resnet34,
    set_seed,
    vision_learner,
)

from benchmarks.settings import Settings


def photos(settings: Settings) -> DataLoaders:
    """Return the photos with the changes that learnkit makes by default."""
    changes = [Flip(), Normalize.from_stats(*imagenet_stats)]
    return _photos(settings, RandomResizedCrop(settings.size, min_scale=0.35), changes)


def resizing_photos(settings: Settings) -> DataLoaders:
    """Return the photos as they are predicted: resized and cropped in the middle."""
    return _photos(settings, Resize(settings.size), [Normalize.from_stats(*imagenet_stats)])


def _photos(settings: Settings, item_tfms: Any, batch_tfms: list[Any]) -> DataLoaders:
    set_seed(settings.seed)
    return ImageDataLoaders.from_folder(
        settings.data,
        train="train",
        valid="valid",
        item_tfms=item_tfms,
        batch_tfms=batch_tfms,
        bs=settings.batch_size,
        num_workers=settings.workers,
        drop_last=False,  # its default leaves up to a batch of photos out of each epoch
    )


def learner(settings: Settings, dls: DataLoaders | None = None) -> Learner:
    """Return a frozen resnet34 with a new head; its weights come from TORCH_HOME."""
    set_seed(settings.seed)
    learn = vision_learner(photos(settings) if dls is None else dls, resnet34, metrics=accuracy)
    learn.remove_cbs([cb for cb in learn.cbs if cb.name == "progress"])
    return learn


def fit(learn: Learner, lr: float) -> float:
    """Train an epoch and return the accuracy after it."""
    with learn.no_logging():
        learn.fit(1, lr)
    return float(learn.recorder.values[-1][-1])
