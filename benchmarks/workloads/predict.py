"""Predicting many files with one trained model: the same weights for every contender.

Loading the model is not timed. ``agreement`` is the fraction of files for which learnkit's answer
is that of the same network computed in fp32 by hand.
"""

import json
import shutil
from itertools import cycle, islice
from pathlib import Path

import torch
from torch import nn

from benchmarks.process import Stopwatch
from benchmarks.settings import Case, Settings


def _export(settings: Settings) -> Path:
    return Path(settings.home) / "export"


def _photos(settings: Settings) -> Path:
    return Path(settings.home) / "predict"


def prepare(settings: Settings) -> None:
    """Train a head for an epoch, export it, and copy as many files as are to be predicted."""
    from benchmarks.contenders.learnkit import learner
    from benchmarks.contenders.plain import prepare_weights

    prepare_weights(settings)
    learn = learner(settings)
    learn.fit(1, progress=False)
    learn.export(_export(settings))
    torch.save(list(learn.model.state_dict().values()), _export(settings) / "in_order.pth")
    photos = sorted((Path(settings.data) / "valid").glob("*/*.*"))
    chosen = islice(cycle(photos), max(settings.files, len(photos)))
    for number, photo in enumerate(_spread(list(chosen), settings.files)):
        to = _photos(settings) / "test" / photo.parent.name
        to.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, to / f"{number:05}_{photo.name}")
    for side in ("train", "valid"):  # learnkit's own test loader belongs to a data set
        shutil.copytree(Path(settings.data) / side, _photos(settings) / side)
    _reference(settings).write_text(json.dumps(_fp32_labels(settings)), encoding="utf-8")


def _spread(photos: list[Path], count: int) -> list[Path]:
    """Return ``count`` of the photos, from all classes."""
    return [photos[i * len(photos) // count] for i in range(count)]


def _reference(settings: Settings) -> Path:
    return _export(settings) / "fp32.json"


def _files(settings: Settings) -> list[Path]:
    return sorted((_photos(settings) / "test").glob("*/*.*"))


def _case(settings: Settings, watch: Stopwatch, answers: list[str], precision: str = "") -> Case:
    truth = [file.parent.name for file in _files(settings)]
    right = sum(a == b for a, b in zip(answers, truth, strict=True))
    name = f"{len(truth)} files, {settings.size} px"
    speed = {"images_per_s": len(truth) / watch.wall}
    return Case.of(name, watch, accuracy=right / len(truth), precision=precision, details=speed)


def _fill(model: nn.Module, settings: Settings) -> nn.Module:
    """Copy the trained tensors into a network that has them in the same order."""
    trained = torch.load(_export(settings) / "in_order.pth", weights_only=True)
    own = model.state_dict()
    model.load_state_dict(dict(zip(own, trained, strict=True)))
    return model.eval()


def with_learnkit(settings: Settings) -> list[Case]:
    """Measure ``load_learner(...).predict_batch(files)``."""
    from learnkit import load_learner

    predictor = load_learner(_export(settings))
    files = _files(settings)
    with Stopwatch() as watch:
        answers = predictor.predict_batch(files)
    labels = [answer.label for answer in answers]
    case = _case(settings, watch, labels)
    case.details["agreement"] = _agreement(settings, labels)
    return [case]


def _agreement(settings: Settings, labels: list[str]) -> float:
    by_hand = json.loads(_reference(settings).read_text(encoding="utf-8"))
    return sum(a == b for a, b in zip(labels, by_hand, strict=True)) / len(labels)


def _learner_of_test(settings: Settings):
    from benchmarks.contenders.learnkit import learner
    from learnkit import ImageDataBunch

    size, batch_size = settings.size, settings.batch_size
    data = ImageDataBunch.from_folder(
        _photos(settings), test="test", size=size, batch_size=batch_size
    )
    learn = learner(settings, data)
    _fill(learn.model, settings)
    return learn


def _fp32_labels(settings: Settings) -> list[str]:
    """Return the answers of the same network, computed in fp32 by hand."""
    learn = _learner_of_test(settings)
    model, batches = learn.model.float().eval(), learn.data.test_dl.batches(0)
    with torch.inference_mode():
        ready = (learn.pipeline.prepare(one, keys=None).x.float() for one in batches)
        preds = torch.cat([model(x).argmax(1).cpu() for x in ready])
    return [learn.data.classes[i] for i in preds.tolist()]


def with_learnkit_get_preds(settings: Settings) -> list[Case]:
    """Measure ``learn.get_preds(data.test_dl)``."""
    learn = _learner_of_test(settings)
    with Stopwatch() as watch:
        preds = learn.get_preds(learn.data.test_dl).preds
    labels = [learn.data.classes[i] for i in preds.argmax(1).tolist()]
    case = _case(settings, watch, labels)
    case.details["agreement"] = _agreement(settings, labels)
    return [case]


def with_plain(settings: Settings) -> list[Case]:
    """Measure a DataLoader and an fp32 loop."""
    from benchmarks.contenders.plain import Network, valid_loader

    loader = valid_loader(settings, _photos(settings) / "test")
    classes = loader.dataset.classes
    model = _fill(Network(settings, len(classes), frozen=True), settings)
    with Stopwatch() as watch, torch.inference_mode():
        preds = torch.cat([model(x) for x, _ in loader])
    return [_case(settings, watch, [classes[i] for i in preds.argmax(1).tolist()])]


def with_fastai(settings: Settings) -> list[Case]:
    """Measure ``learn.get_preds(dl=learn.dls.test_dl(files))``."""
    from benchmarks.contenders.fastai import learner, resizing_photos

    learn = learner(settings, resizing_photos(settings))
    _fill(learn.model, settings)
    files = _files(settings)
    with Stopwatch() as watch, learn.no_logging():
        preds, _ = learn.get_preds(dl=learn.dls.test_dl(files))
    return [_case(settings, watch, [learn.dls.vocab[i] for i in preds.argmax(1).tolist()])]
