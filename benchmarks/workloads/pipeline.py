"""Photos from files to batches that a network can take, without a network: first epoch and later.

The data object and the caches are new, so the first epoch decodes; photos may be in the system's
own file cache for all contenders alike.
"""

from collections.abc import Callable, Iterator

import torch

from benchmarks.process import Stopwatch
from benchmarks.settings import Case, Settings

LATER = 2  # epochs after the first


def _cases(settings: Settings, epoch: Callable[[int], Iterator[int]]) -> list[Case]:
    """Time the first epoch, then the mean of the later ones; ``epoch`` yields batch sizes."""
    cases = []
    for name, numbers in (("first", range(1)), ("later", range(1, 1 + LATER))):
        with Stopwatch() as watch:
            photos = sum(sum(epoch(number)) for number in numbers)
        share = len(numbers)
        cases.append(
            Case(
                name=f"{name} epoch, {settings.size} px",
                wall=watch.wall / share,
                cpu=watch.cpu / share,
                details={"images_per_s": photos / watch.wall, "images": photos / share},
            )
        )
    return cases


def with_learnkit(settings: Settings) -> list[Case]:
    """Measure loading and what a learner does to a batch: flips and normalising."""
    from benchmarks.contenders.learnkit import photos
    from learnkit import models
    from learnkit.data.batch import BatchPipeline, Normalize
    from learnkit.randomness import SampleKeys

    data = photos(settings)
    normalize = Normalize(models.resnet34.mean, models.resnet34.std)
    pipeline = BatchPipeline(torch.device("cpu"), data.batch_tfms, normalize)

    def epoch(number: int) -> Iterator[int]:
        for loaded in data.train_dl.batches(number):
            keys = SampleKeys(settings.seed, number, loaded.indices)
            yield len(pipeline.prepare(loaded, keys=keys).x)

    return _cases(settings, epoch)


def with_learnkit_loader(settings: Settings) -> list[Case]:
    """Measure learnkit's loader alone: uint8 batches."""
    from benchmarks.contenders.learnkit import photos

    data = photos(settings)
    return _cases(settings, lambda n: (len(loaded.batch.x) for loaded in data.train_dl.batches(n)))


def with_plain(settings: Settings) -> list[Case]:
    """Measure torchvision's ImageFolder and transforms in a DataLoader."""
    from benchmarks.contenders.plain import train_loader

    loader = train_loader(settings)
    return _cases(settings, lambda _: (len(x) for x, _ in loader))


def with_fastai(settings: Settings) -> list[Case]:
    """Measure fastai's loader with item and batch transforms."""
    from benchmarks.contenders.fastai import photos

    dls = photos(settings)
    return _cases(settings, lambda _: (len(x) for x, _ in dls.train))
