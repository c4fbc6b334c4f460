"""An epoch of training and validation of resnet34 with a new head; ``frozen`` and ``unfrozen``.

An epoch goes before the timed one, so that caches are full, workers are up and kernels chosen.
"""

from collections.abc import Callable

from benchmarks.process import Stopwatch
from benchmarks.settings import Case, Settings


def prepare(settings: Settings) -> None:
    """Put the weights where all contenders find them."""
    from benchmarks.contenders.plain import prepare_weights

    prepare_weights(settings)


def _timed(settings: Settings, epoch: Callable[[], float], precision: str = "") -> list[Case]:
    """Run ``epoch`` twice and report the second; it returns the accuracy."""
    epoch()
    with Stopwatch() as watch:
        accuracy = epoch()
    name = f"epoch, {settings.size} px"
    return [Case.of(name, watch, accuracy=accuracy, precision=precision)]


def learnkit(
    settings: Settings, *, lr: float, frozen: bool, train_bn: bool | None = None
) -> list[Case]:
    """Measure learnkit's fit; ``train_bn`` trains the body's BatchNorm, as all others do."""
    from benchmarks.contenders.learnkit import learner

    learn = learner(settings, train_bn=train_bn)
    if not frozen:
        learn.unfreeze()

    def epoch() -> float:
        return learn.fit(1, lr, progress=False)[-1]["accuracy"]

    return _timed(settings, epoch, learn.precision.name)


def plain(settings: Settings, *, lr: float, frozen: bool) -> list[Case]:
    """Measure the plain fp32 loop; a frozen body keeps its BatchNorm."""
    from benchmarks.contenders import plain

    train, valid = plain.train_loader(settings), plain.valid_loader(settings)
    model = plain.Network(settings, len(train.dataset.classes), frozen=frozen)
    optimizer = plain.optimizer_of(model, lr)

    def epoch() -> float:
        plain.train(model, train, optimizer)
        return plain.accuracy(model, valid)

    return _timed(settings, epoch)


def fastai(settings: Settings, *, lr: float, frozen: bool) -> list[Case]:
    """Measure fastai's fit, which trains BatchNorm in a frozen body too."""
    from benchmarks.contenders.fastai import fit, learner

    learn = learner(settings)
    if not frozen:
        learn.unfreeze()
    return _timed(settings, lambda: fit(learn, lr))


def lightning(settings: Settings, *, lr: float, frozen: bool) -> list[Case]:
    """Measure Lightning's fit over the plain loaders and network."""
    from benchmarks.contenders import plain
    from benchmarks.contenders.lightning import Classifier, fit

    train, valid = plain.train_loader(settings), plain.valid_loader(settings)
    n_classes = len(train.dataset.classes)
    model = Classifier(plain.Network(settings, n_classes, frozen=frozen), n_classes, lr)
    return _timed(settings, lambda: fit(model, train, valid, epochs=1))
