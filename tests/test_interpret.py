"""show_results: photos with what the model says of them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from learnkit import models
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError
from learnkit.generative import autoencoder_learner, gan_learner
from learnkit.learner import Learner


@pytest.fixture
def learn(photo_folder: Path) -> Learner:
    data = ImageDataBunch.from_folder(photo_folder, size=24, batch_size=4)
    return Learner(data, models.cnn(3, channels=[8]), device="cpu")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What would be drawn."""
    from learnkit import interpret

    seen: dict[str, Any] = {}

    def remember(photos: torch.Tensor, titles: list[str], **options: Any) -> None:
        seen.update(photos=photos, titles=titles, **options)

    monkeypatch.setattr(interpret, "draw_grid", remember)
    return seen


def test_titles_tell_what_is_said_and_what_is_true(learn: Learner, drawn: dict[str, Any]) -> None:
    learn.show_results(n=6)
    preds, targets = learn.get_preds()
    expected, colours = [], []
    for row, target in zip(preds, targets.tolist(), strict=True):
        guess = int(row.argmax())
        words = f"{learn.data.classes[guess]} ({float(row[guess]):.0%})"
        right = guess == target
        expected.append(words if right else f"{words}, is {learn.data.classes[target]}")
        colours.append("black" if right else "crimson")
    assert drawn["titles"] == expected
    assert drawn["colours"] == colours


def test_photos_are_spread_over_the_set_and_shown_unnormalised(
    learn: Learner, drawn: dict[str, Any]
) -> None:
    learn.show_results(n=3)
    valid = learn.data.valid_dl
    assert valid is not None
    every = torch.cat([batch.x for batch in valid]).float() / 255
    torch.testing.assert_close(drawn["photos"], every[::2])
    learn.show_results(n=50)
    assert len(drawn["photos"]) == 6


def test_a_gan_draws_beside_what_is_real_and_no_answer_to_it(drawn: dict[str, Any]) -> None:
    data = DataBunch.from_arrays(torch.rand(20, 1, 8, 8), torch.zeros(20), batch_size=8)
    gan_learner(data, device="cpu").show_results(2)
    assert drawn["titles"] == ["real", "drawn"] * 2
    autoencoder_learner(data, n_latent=4, hidden=[16], device="cpu").show_results(2)
    assert drawn["titles"] == ["target", "predicted"] * 2


def test_a_picture_is_saved(learn: Learner, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    learn.show_results(n=4, path=tmp_path / "results.png")
    with Image.open(tmp_path / "results.png") as picture:
        assert picture.size[0] > 100


def test_no_photo_is_none_to_draw(learn: Learner) -> None:
    with pytest.raises(DataError) as caught:
        learn.show_results(n=0)
    assert str(caught.value) == "show_results draws at least 1 photo; got n=0."


def test_rows_of_numbers_are_printed_with_wrong_ones_marked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    x = torch.tensor([[1.0, -2.0]] * 8)
    data = DataBunch.from_arrays(x, [0, 1] * 4, valid=(x[:2], [0, 1]), classes=["no", "yes"], bs=2)
    model = models.mlp(2, 2)
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].bias.copy_(torch.tensor([0.0, 1.0986123]))
    Learner(data, model, device="cpu").show_results()
    assert capsys.readouterr().out.splitlines() == [
        "input  target  predicted",
        "1, -2  no      yes (75.0%)  wrong",
        "1, -2  yes     yes (75.0%)",
    ]


def test_rows_go_to_a_text_file_where_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = torch.tensor([[1.0, -2.0]] * 8)
    data = DataBunch.from_arrays(x, [0, 1] * 4, valid=(x[:2], [0, 1]), classes=["no", "yes"], bs=2)
    learn = Learner(data, models.mlp(2, 2), device="cpu")
    learn.show_results()
    learn.show_results(path=tmp_path / "rows.txt")
    assert capsys.readouterr().out == (tmp_path / "rows.txt").read_text()
    with pytest.raises(DataError) as caught:
        learn.show_results(path=tmp_path / "rows.png")
    assert str(caught.value) == (
        "This data is shown in words, as rows, and rows.png is the name of a picture: "
        'pass path="rows.txt", or no path to print them.'
    )


def test_large_inputs_that_are_no_pictures_cannot_be_shown() -> None:
    data = DataBunch.from_arrays(torch.zeros(8, 4, 50), [0, 1] * 4, batch_size=2)
    with pytest.raises(DataError) as caught:
        Learner(data, models.mlp(200, 2), device="cpu").show_results()
    assert str(caught.value) == (
        "show_results draws pictures (B, 3, H, W) or (B, 1, H, W); this data has inputs of shape "
        "(4, 50). get_preds() gives the answers as numbers."
    )
