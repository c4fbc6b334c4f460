"""What notebooks show of learners and data: escaped, and without loading anything."""

from pathlib import Path
from typing import Any

import pytest
import torch

from learnkit import models
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.transfer import build_cnn
from learnkit.reprs import bunch_html, facts, few, figure, table

pytestmark = pytest.mark.usefixtures("no_checks")


def bunch(names: Any = ("a<b>", "c&d")) -> DataBunch:
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    return DataBunch.from_arrays(x, [0, 1] * 20, classes=names, batch_size=8)


def test_cells_are_escaped() -> None:
    assert table([("<i>", 3)], head=("&", "n")) == (
        "<table><tr><th>&amp;</th><th>n</th></tr><tr><td>&lt;i&gt;</td><td>3</td></tr></table>"
    )


def test_values_that_are_empty_are_left_out() -> None:
    assert facts("T<", {"a": "x", "b": "", "c": 0}) == (
        "<b>T&lt;</b><table><tr><td>a</td><td>x</td></tr><tr><td>c</td><td>0</td></tr></table>"
    )


def test_of_many_names_the_first_are_shown() -> None:
    assert few("ab") == "a, b"
    assert few([str(i) for i in range(2000)]) == (
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ... (2,000 in all)"
    )


def test_numbers_have_few_digits() -> None:
    assert (figure(0.12345678), figure(123456.789), figure(float("nan"))) == (
        "0.123457",
        "123457",
        "nan",
    )


def test_a_bunch_shows_its_sizes() -> None:
    html = bunch()._repr_html_()
    assert html.startswith("<b>DataBunch</b><table><tr><th>part</th>")
    assert "<tr><td>train</td><td>32</td><td>4</td><td>8</td></tr>" in html
    assert "<tr><td>valid</td><td>8</td><td>1</td><td>8</td></tr>" in html
    assert html.endswith("<p>2 classes: a&lt;b&gt;, c&amp;d</p>")


def test_a_bunch_of_photos_counts_its_classes_and_loads_none(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=32, batch_size=6)

    def refuse(*args: Any, **options: Any) -> Any:
        raise AssertionError("a batch was loaded")

    monkeypatch.setattr("learnkit.data.loader.ImageLoader.batches", refuse)
    html = data._repr_html_()
    assert "<tr><th>class</th><th>train</th><th>valid</th></tr>" in html
    assert "<tr><td>blue</td><td>6</td><td>2</td></tr>" in html
    assert repr(data).startswith("ImageDataBunch of 3 classes")


def test_of_many_classes_and_of_values_no_counts_are_shown(photo_folder: Path) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=32, batch_size=6)
    many = [f"c{i}" for i in range(13)]
    html = bunch_html("X", {"train": data.train_dl, "valid": None}, many)
    assert html.endswith("c11, ... (13 in all)</p>")
    values = DataBunch.from_arrays(torch.randn(20, 4), torch.randn(20), batch_size=8)
    assert values._repr_html_().endswith("</table>")


def test_a_learner_shows_what_it_is_made_of(photo_folder: Path) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=32, batch_size=6)
    model = build_cnn(models.resnet18, 3, weights=None)
    learn = Learner(data, model, metrics=accuracy, device="cpu", precision="fp32").freeze()
    html = learn._repr_html_()
    total = sum(p.numel() for p in model.parameters())
    head = sum(p.numel() for p in model.head.parameters())
    for name, value in {
        "model": "CnnModel of resnet18",
        "parameters": f"{total:,}, of which {head:,} train",
        "layer groups": "3, 2 frozen",
        "device": "cpu",
        "train, valid": "18, 6 samples",
        "classes": "3: blue, green, red",
        "loss": "cross_entropy",
        "metrics": "accuracy",
        "epochs so far": "0",
    }.items():
        assert f"<tr><td>{name}</td><td>{value}</td></tr>" in html
    assert "last epoch" not in html
    assert repr(learn) == "Learner(CnnModel, 3 layer groups, 3 classes, fp32 on cpu)"


def test_a_learner_shows_its_last_epoch_and_escapes_names() -> None:
    learn = Learner(bunch(), models.mlp(4, 2), metrics=accuracy, device="cpu", precision="fp32")
    learn.fit(1, progress=False)
    html = learn._repr_html_()
    row = learn.history[-1]
    assert f"<td>train_loss {row['train_loss']:.6f}, valid_loss {row['valid_loss']:.6f}, " in html
    assert "2: a&lt;b&gt;, c&amp;d" in html
    assert "<b>a" not in html


def test_a_learner_without_validation_says_so() -> None:
    data = bunch()
    data = DataBunch.from_dls(data.train_dl)
    learn = Learner(data, models.mlp(4, 2), device="cpu", precision="fp32")
    assert "<td>32, none samples</td>" in learn._repr_html_()
