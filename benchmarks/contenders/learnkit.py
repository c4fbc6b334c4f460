"""learnkit's photos and learner."""

from benchmarks.settings import Settings
from learnkit import ImageDataBunch, Learner, accuracy, cnn_learner, models


def photos(settings: Settings) -> ImageDataBunch:
    """Return the photos as learnkit's defaults load them."""
    return ImageDataBunch.from_folder(
        settings.data, size=settings.size, batch_size=settings.batch_size, seed=settings.seed
    )


def learner(
    settings: Settings, data: ImageDataBunch | None = None, *, train_bn: bool | None = None
) -> Learner:
    """Return a frozen resnet34 with a new head."""
    return cnn_learner(
        photos(settings) if data is None else data,
        models.resnet34,
        weights=settings.backbone,
        metrics=accuracy,
        train_bn=train_bn,
    )
