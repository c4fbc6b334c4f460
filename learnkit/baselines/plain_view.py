"""Training photos as validation sees them. Knows loaders of photos."""

from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.loader import ImageLoader
from learnkit.types import BatchLoader


def plain_train_dl(data: DataBunch) -> BatchLoader:
    """Return the training samples without random crops, in random order.

    A crop would hide that a photo is on both sides. Loaders of other kinds are returned as they
    are; nothing that they keep in memory is used or displaced.
    """
    loader = data.train_dl
    if not isinstance(data, ImageDataBunch) or not isinstance(loader, ImageLoader):
        return loader
    if loader.n_repeating:
        return loader
    return ImageLoader(
        loader.source,
        loader.labels,
        batch_size=loader.batch_size,
        size=data.size,
        resize=data.resize,
        shuffle=True,
        seed=data.seed,
        cache=None,
    )
