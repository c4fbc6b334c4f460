"""Engine: raw predictions of a loader, whoever stops reading them and when."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from learnkit import models
from learnkit.data.augment import BatchTransform
from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError
from learnkit.models.fast_body import FastBody
from learnkit.precision import Plain
from learnkit.predictions import Engine, augmented_views, predict_loader
from learnkit.randomness import SampleKeys
from learnkit.types import Batch, Loaded

CPU = torch.device("cpu")


class Rows:
    """A loader of rows of numbers that says whether it was closed."""

    batch_size, n_samples = 4, 12

    def __init__(self) -> None:
        self.closed = 0

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Batch]:
        return (loaded.batch for loaded in self.batches(0))

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Loaded]:
        try:
            for number in range(start, 3):
                places = np.arange(4, dtype=np.int64) + 4 * number
                y = torch.from_numpy(places)
                yield Loaded(Batch(y[:, None] * torch.ones(1, 2), y), places)
        finally:
            self.closed += 1

    def describe(self, index: int) -> str:
        return f"row {index}"


def engine(model: nn.Module | None = None, *, precision: str = "fp32", **options: Any) -> Engine:
    made = model if model is not None else nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 3))
    return Engine(made, BatchPipeline(CPU, **options), Plain(precision, "cpu"), FastBody())


@pytest.fixture
def data(photo_folder: Path) -> ImageDataBunch:
    return ImageDataBunch.from_folder(photo_folder, size=24, batch_size=2, num_workers=2)


def test_predictions_and_targets_come_in_the_loaders_order() -> None:
    given = engine()
    preds, targets = predict_loader(given, Rows())
    assert targets.tolist() == list(range(12))
    x = torch.arange(12.0)[:, None] * torch.ones(1, 2)
    torch.testing.assert_close(preds, given.model(x).detach())
    assert (preds.dtype, preds.requires_grad) == (torch.float32, False)


def test_the_model_is_put_in_eval_mode_and_left_there() -> None:
    given = engine()
    given.model.train()
    assert torch.equal(predict_loader(given, Rows()).preds, predict_loader(given, Rows()).preds)
    assert not any(module.training for module in given.model.modules())


def test_what_is_predicted_in_bf16_is_told_in_float32() -> None:
    model = nn.Linear(2, 3)
    exact = predict_loader(engine(model), Rows()).preds
    found = predict_loader(engine(model, precision="bf16"), Rows()).preds
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)
    torch.testing.assert_close(found, exact, rtol=0.05, atol=0.05)


def test_a_consumer_that_stops_early_closes_the_loader() -> None:
    loader = Rows()
    answers = engine().run(loader)
    next(answers)
    assert loader.closed == 0
    answers.close()
    assert loader.closed == 1


def test_no_thread_stays_when_a_consumer_stops_early(data: ImageDataBunch) -> None:
    before = set(threading.enumerate())
    assert data.valid_dl is not None
    answers = engine(models.cnn(3, channels=[4])).run(data.valid_dl)
    next(answers)
    answers.close()
    assert set(threading.enumerate()) <= before


def test_an_error_of_the_model_closes_the_loader_too() -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no")

    loader = Rows()
    with pytest.raises(RuntimeError):
        predict_loader(engine(Failing()), loader)
    assert loader.closed == 1


def test_a_loader_without_a_batch_is_an_error() -> None:
    class Empty(Rows):
        def batches(self, epoch: int, *, start: int = 0) -> Iterator[Loaded]:
            return iter(())

    with pytest.raises(DataError) as caught:
        predict_loader(engine(), Empty())
    assert str(caught.value) == "the loader gave no batch, so there is nothing to predict."


class Dimmer(BatchTransform):
    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        return Batch(batch.x * keys.uniform("dim")[:, :, None, None], batch.y)


def test_keys_decide_what_is_augmented(data: ImageDataBunch) -> None:
    model = models.cnn(3, channels=[4])
    normalize = Normalize((0.5,) * 3, (0.25,) * 3)
    given = engine(model, tfms=(Dimmer(),), normalize=normalize)
    assert data.valid_dl is not None
    plain = predict_loader(given, data.valid_dl).preds
    exact = predict_loader(engine(model, normalize=normalize), data.valid_dl).preds
    assert torch.equal(plain, exact)
    one, other = augmented_views(given, data.valid_dl, n=2, seed=1)
    again, _ = augmented_views(given, data.valid_dl, n=2, seed=1)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, plain)


@pytest.mark.parametrize("n", [0, -1])
def test_no_view_is_refused(n: int) -> None:
    with pytest.raises(ValueError) as caught:
        next(augmented_views(engine(), Rows(), n=n, seed=0))
    assert str(caught.value) == f"tta needs n >= 1 augmented views; got {n}."
