"""Predictor: the same answer for a path, a photo, an array, a batch and a folder."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from learnkit import models
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.image_inputs import ImageInputs
from learnkit.errors import DataError, ExportError
from learnkit.export import ModelCard
from learnkit.inference import Prediction, Predictor, load_learner
from learnkit.learner import Learner

CLASSES = ("blue", "green", "red")


@pytest.fixture
def predictor() -> Predictor:
    card = ModelCard(
        spec=None,
        classes=CLASSES,
        inputs=ImageInputs(size=(24, 24), resize="crop", mean=(0.5,) * 3, std=(0.25,) * 3),
        activation="softmax",
    )
    return Predictor(models.cnn(3, channels=[8]), card, device="cpu")


@pytest.fixture
def photo(photo_folder: Path) -> Path:
    return photo_folder / "valid" / "red" / "red_0.jpg"


def test_an_answer_has_a_name_a_place_and_probabilities(predictor: Predictor, photo: Path) -> None:
    answer = predictor.predict(photo)
    assert answer.label == CLASSES[answer.index]
    assert answer.probability == answer.probabilities.max().item()
    torch.testing.assert_close(answer.probabilities.sum(), torch.tensor(1.0))
    assert not answer.probabilities.is_inference()


def test_the_best_are_listed_first() -> None:
    shares = torch.tensor([0.2, 0.7, 0.1])
    answer = Prediction("green", 1, 0.7, shares, CLASSES)
    expected = [("green", pytest.approx(0.7)), ("blue", pytest.approx(0.2))]
    assert answer.top(2) == expected
    assert [name for name, _ in answer.top(9)] == ["green", "blue", "red"]
    assert str(answer) == "green (70.0%)"
    nameless = Prediction("", 1, 0.7, shares, ())
    assert str(nameless) == "0.2, 0.7, 0.1"
    assert nameless.top(1)[0][0] == "1"


def test_every_way_to_give_a_photo_gives_the_same_answer(
    predictor: Predictor, photo: Path, tmp_path: Path
) -> None:
    # PNG, because a JPEG may be decoded at a smaller scale from a file
    with Image.open(photo) as image:
        pixels = np.asarray(image.convert("RGB"))
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    expected = predictor.predict(path).probabilities
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    ways: list[Any] = [str(path), path.read_bytes(), Image.fromarray(pixels), pixels, tensor]
    for way in ways:
        torch.testing.assert_close(
            predictor.predict(way).probabilities, expected, rtol=0, atol=1e-6
        )


def test_answers_come_in_the_order_asked_whatever_the_batches(
    predictor: Predictor, photo_folder: Path
) -> None:
    paths = sorted(photo_folder.rglob("*.jpg"))
    expected = torch.stack([predictor.predict(path).probabilities for path in paths])
    for batch_size in (5, 64):
        answers = predictor.predict_batch(paths, batch_size=batch_size)
        found = torch.stack([answer.probabilities for answer in answers])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert predictor.predict_batch([]) == []


def test_a_folder_is_answered_by_relative_path(predictor: Predictor, photo_folder: Path) -> None:
    answers = predictor.predict_folder(photo_folder / "valid", batch_size=4)
    assert list(answers) == sorted(f"{c}/{c}_{i}.jpg" for c in CLASSES for i in (0, 1))
    one = predictor.predict(photo_folder / "valid" / "red" / "red_1.jpg")
    torch.testing.assert_close(
        answers["red/red_1.jpg"].probabilities, one.probabilities, rtol=0, atol=1e-6
    )


def test_an_unreadable_photo_of_a_folder_is_left_out_with_a_warning(
    predictor: Predictor, photo_folder: Path
) -> None:
    bad = photo_folder / "valid" / "red" / "red_0.jpg"
    bad.write_bytes(b"no photo")
    with pytest.warns(UserWarning, match=f"^An image is left out: {re.escape(str(bad))}") as warned:
        answers = predictor.predict_folder(photo_folder / "valid")
    assert len(answers) == 5
    assert len(warned) == 1


def test_an_unreadable_photo_asked_for_is_an_error(predictor: Predictor, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    with pytest.raises(DataError) as caught:
        predictor.predict(bad)
    assert str(bad) in str(caught.value)


def test_a_folder_without_photos_is_an_error(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        predictor.predict_folder(tmp_path)
    assert str(caught.value) == f"no photos in {tmp_path}; give a folder that holds some."


def test_a_misspelt_option_gets_the_nearest(predictor: Predictor, photo: Path) -> None:
    wrong: Any = predictor
    with pytest.raises(TypeError) as caught:
        wrong.predict_batch([photo], batchsize=2)
    expected = "Predictor.predict_batch() has no argument 'batchsize'. Did you mean 'batch_size'?"
    assert str(caught.value) == expected


def test_a_card_of_other_classes_than_the_model_is_an_error(photo: Path) -> None:
    card = ModelCard(
        spec=None,
        classes=("cat", "dog"),
        inputs=ImageInputs(size=(8, 8), resize="pad", mean=(), std=()),
        activation="softmax",
    )
    with pytest.raises(ExportError) as caught:
        Predictor(models.cnn(3, channels=[4]), card, device="cpu").predict(photo)
    assert str(caught.value) == (
        "the model answers with 3 numbers, but its card names 2 classes; "
        "the export was changed or put together wrongly."
    )


def test_the_predictor_says_what_it_is(predictor: Predictor) -> None:
    assert repr(predictor) == "Predictor(3 classes, softmax, cpu)"
    of_values = Predictor(models.mlp(2, 1), replace(predictor.card, classes=()), device="cpu")
    assert repr(of_values) == "Predictor(regression, softmax, cpu)"
    assert not predictor.model.training


@pytest.mark.parametrize("size", [24, (20, 36)])
@pytest.mark.parametrize("resize", ["crop", "pad", "squish"])
def test_an_export_answers_as_the_learner_did(
    photo_folder: Path, tmp_path: Path, make_photo: Any, size: Any, resize: Any
) -> None:
    """Photos larger than the model's input too: decoding at a lower scale is the same for both."""
    make_photo(photo_folder / "valid" / "red" / "red_0.jpg", "red", size=(150, 260))
    make_photo(photo_folder / "valid" / "blue" / "blue_0.jpg", "blue", size=(31, 90))
    data = ImageDataBunch.from_folder(photo_folder, size=size, resize=resize, batch_size=6)
    learn = Learner(data, models.cnn(3, channels=[8]), device="cpu")
    loaded = load_learner(learn.export(tmp_path / "m"), device="cpu")
    expected = learn.get_preds().preds
    answers = loaded.predict_folder(photo_folder / "valid")
    found = torch.stack([answer.probabilities for answer in answers.values()])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_a_loader_that_gives_nothing_is_an_error() -> None:
    class Empty:
        batch_size, n_samples = 4, 0

        def batches(self, epoch: int, *, start: int = 0) -> Any:
            return iter(())

    learn = Learner(
        DataBunch.from_arrays(np.zeros((8, 2)), [0, 1] * 4, batch_size=2),
        nn.Linear(2, 2),
        device="cpu",
    )
    loader: Any = Empty()
    with pytest.raises(DataError) as caught:
        learn.get_preds(loader)
    assert str(caught.value) == "the loader gave no batch, so there is nothing to predict."


def test_one_path_is_no_list_of_photos(predictor: Predictor) -> None:
    with pytest.raises(DataError) as caught:
        predictor.predict_batch("a.jpg")
    assert str(caught.value) == (
        "predict_batch takes a list of samples; found 'a.jpg'. predict takes one, "
        "predict_folder a folder."
    )


def test_an_empty_batch_is_refused(predictor: Predictor, photo_folder: Path) -> None:
    calls: list[Any] = [predictor.predict_batch, predictor.predict_folder]
    for call, what in zip(calls, ([], photo_folder), strict=True):
        with pytest.raises(DataError) as caught:
            call(what, batch_size=0)
        assert str(caught.value) == "batch_size must be a whole number of at least 1: found 0."


def test_a_model_of_numbers_takes_no_photo() -> None:
    card = ModelCard(spec=None, classes=(), inputs=None, activation="identity")
    with pytest.raises(DataError) as caught:
        Predictor(nn.Linear(2, 1), card, device="cpu").predict("a.jpg")
    assert str(caught.value) == (
        "this model takes numbers as tensors or arrays, not photos; found str."
    )


def test_a_sample_whose_nan_becomes_the_answer_is_named() -> None:
    x = torch.randn(20, 5)
    data = DataBunch.from_arrays(x, torch.arange(20) % 2, batch_size=4, classes=["a", "b"])
    learn = Learner(data, models.mlp(5, 2), device="cpu")
    rows = [x[0], torch.full((5,), torch.nan)]
    with pytest.raises(DataError) as caught:
        learn.predict_batch(rows, batch_size=1)
    assert str(caught.value) == (
        "item 1 has a NaN or an infinite number in it, so the model's answer is none."
    )


def test_a_model_that_knows_what_to_do_with_nan_answers() -> None:
    class Fills(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.layer(x.nan_to_num())
            return y

    data = DataBunch.from_arrays(
        torch.randn(20, 5), torch.arange(20) % 2, batch_size=4, classes=["a", "b"]
    )
    answer = Learner(data, Fills(), device="cpu").predict(torch.full((5,), torch.nan))
    assert answer.label in ("a", "b")
