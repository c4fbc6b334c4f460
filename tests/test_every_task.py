"""Every kind of data goes the same way: fit, look, predict, keep, go on, without pickle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from learnkit.callback import Callback
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.segmentation_bunch import SegmentationDataBunch
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.generative import autoencoder_learner, gan_learner
from learnkit.inference import load_learner
from learnkit.learner import Learner
from learnkit.models import cnn, efficientnet_lite0, lstm, mlp
from learnkit.tabular import CollabDataBunch, TabularDataBunch, collab_learner, tabular_learner
from learnkit.text_language import language_learner
from learnkit.vision import cnn_learner
from learnkit.vision_more import unet_learner

pytestmark = pytest.mark.filterwarnings("ignore:There are fewer training samples")


class Case(NamedTuple):
    """A learner made anew, and raw items that it can be asked about."""

    make: Callable[[], Learner]
    items: list[Any]


def photos(folder: Path, n: int = 12) -> list[Path]:
    """Squares of one brightness with a bright corner, and their masks."""
    made = []
    for number in range(n):
        pixels = np.full((32, 32, 3), 20 * number, np.uint8)
        mask = np.zeros((32, 32), np.uint8)
        corner = slice(0, 12) if number % 2 else slice(20, 32)
        pixels[corner, corner] = (255, 40, 40)
        mask[corner, corner] = 1
        for part, array in (("images", pixels), ("masks", mask)):
            path = folder / part / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
        made.append(folder / "images" / f"{number}.png")
    return made


def several_labels(folder: Path) -> Case:
    files = photos(folder)
    labels = ["red" if n % 3 == 0 else "red low" if n % 2 else "" for n in range(len(files))]
    table = {"file": [f"images/{path.name}" for path in files], "labels": labels}

    def make() -> Learner:
        data = ImageDataBunch.from_df(table, folder, label_delim=" ", size=24, bs=4)
        return Learner(data, cnn(2, channels=(8,)), device="cpu")

    return Case(make, files)


def key_points(folder: Path) -> Case:
    files = photos(folder)
    places = [6.0 if n % 2 else 26.0 for n in range(len(files))]
    table = {"file": [f"images/{path.name}" for path in files], "x": places, "y": places}

    def make() -> Learner:
        data = ImageDataBunch.from_df(
            table, folder, y_cols=["x", "y"], task="points", size=32, bs=4
        )
        return cnn_learner(data, efficientnet_lite0, weights=None, y_range=(-1, 1), device="cpu")

    return Case(make, files)


def segmentation(folder: Path) -> Case:
    files = photos(folder)

    def make() -> Learner:
        data = SegmentationDataBunch.from_folders(folder, classes=["no", "corner"], size=32, bs=4)
        return unet_learner(data, "resnet18", weights=None, device="cpu", metrics="iou")

    return Case(make, files)


def table(folder: Path) -> Case:
    n = 40
    columns = {
        "colour": ["red", "blue", None, "green"] * (n // 4),
        "size": [float(i % 7) if i % 5 else None for i in range(n)],
        "answer": ["yes" if i % 4 < 2 else "no" for i in range(n)],
    }

    def make() -> Learner:
        data = TabularDataBunch.from_df(columns, y_cols="answer", bs=8)
        return tabular_learner(data, layers=(8,), metrics="accuracy", device="cpu")

    return Case(make, [{"colour": "red", "size": 3.0}, {"colour": "pink", "size": None}])


def ratings(folder: Path) -> Case:
    rows = {
        "user": [f"u{i % 6}" for i in range(60)],
        "item": [f"i{i % 10}" for i in range(60)],
        "rating": [1.0 + (i % 6) * (i % 10) % 5 for i in range(60)],
    }

    def make() -> Learner:
        return collab_learner(CollabDataBunch.from_df(rows, bs=16), n_factors=4, device="cpu")

    return Case(make, [{"user": "u1", "item": "i2"}, {"user": "who", "item": "i2"}])


def texts(folder: Path) -> Case:
    pytest.importorskip("tokenizers", reason="needs the extra text")
    from learnkit.data.text.bunch import TextDataBunch
    from learnkit.text import text_learner

    spam = [f"win a free prize number {i}" for i in range(16)]
    ham = [f"see you at home at {i}" for i in range(16)]

    def make() -> Learner:
        data = TextDataBunch.from_lists(spam + ham, ["spam"] * 16 + ["ham"] * 16, bs=8)
        return text_learner(data, device="cpu")

    return Case(make, ["a free prize", "nothing known here"])


def language(folder: Path) -> Case:
    def make() -> Learner:
        data = SequenceDataBunch.from_text("to be or not to be, " * 60, seq_len=16, batch_size=4)
        return language_learner(data, device="cpu")

    return Case(make, ["to be", "or"])


def sequences(folder: Path) -> Case:
    x = torch.randn(40, 9, 3, generator=torch.Generator().manual_seed(1))
    y = ["up" if row.sum() > 0 else "down" for row in x]

    def make() -> Learner:
        data = SequenceDataBunch.from_sequences(x, y, bs=8)
        return Learner(data, lstm(3, 2, hidden=8), device="cpu")

    return Case(make, [x[0], x[1]])


def autoencoder(folder: Path) -> Case:
    x = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    def make() -> Learner:
        return autoencoder_learner(plain(x), n_latent=4, hidden=[16], noise=0.1, device="cpu")

    return Case(make, [x[0], x[1]])


def variational(folder: Path) -> Case:
    x = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    def make() -> Learner:
        return autoencoder_learner(
            plain(x), n_latent=4, hidden=[16], variational=True, device="cpu"
        )

    return Case(make, [x[0], x[1]])


def gan(folder: Path) -> Case:
    x = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    def make() -> Learner:
        return gan_learner(plain(x), n_latent=6, device="cpu")

    return Case(make, [torch.zeros(6), torch.ones(6)])


def plain(x: torch.Tensor) -> DataBunch:
    return DataBunch.from_arrays(x, torch.zeros(len(x)), bs=8)


def arrays(folder: Path) -> Case:
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(1))

    def make() -> Learner:
        data = DataBunch.from_arrays(x, x[:, :2], bs=8)
        return Learner(data, mlp(4, 8, 2), device="cpu")

    return Case(make, [x[0], x[1]])


CASES = [
    several_labels,
    key_points,
    segmentation,
    table,
    ratings,
    texts,
    language,
    sequences,
    autoencoder,
    variational,
    gan,
    arrays,
]


@pytest.fixture(params=CASES, ids=lambda case: case.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return request.param(tmp_path / "data")  # type: ignore[no-any-return]


def same(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def test_an_export_answers_as_the_learner_and_holds_no_pickle(case: Case, tmp_path: Path) -> None:
    learn = case.make()
    learn.fit(1, 1e-3, progress=False)
    out = learn.export(tmp_path / "model")
    assert sorted(path.name for path in out.iterdir()) == ["model.json", "model.safetensors"]
    loaded = load_learner(out, device="cpu")
    for item in case.items:
        ours, theirs = learn.predict(item), loaded.predict(item)
        assert str(ours) == str(theirs) != ""
        assert torch.equal(ours.probabilities, theirs.probabilities)
        assert same(ours.value, theirs.value)
    together = loaded.predict_batch(case.items)
    assert [str(one) for one in together] == [str(loaded.predict(i)) for i in case.items]


class StopsAt(Callback):
    """Is interrupted like a killed process, but can be caught."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    looks_on = True

    def after_batch(self, state: Any) -> None:
        if state.training and state.progress.batches_seen == self.batch:
            raise RuntimeError("killed")


def test_a_fit_that_was_killed_ends_with_the_same_bits(case: Case, tmp_path: Path) -> None:
    whole = case.make()
    whole.fit(2, 1e-3, progress=False, checkpoint=tmp_path / "whole")
    batches = len(whole.data.train_dl)
    killed = case.make()
    with pytest.raises(RuntimeError, match="killed"):
        killed.fit(
            2,
            1e-3,
            progress=False,
            checkpoint=tmp_path / "cut",
            every_steps=1,
            callbacks=StopsAt(batches + 1),
        )
    again = case.make()
    again.fit(2, 1e-3, progress=False, checkpoint=tmp_path / "cut", every_steps=1)
    ours, theirs = whole.model.state_dict(), again.model.state_dict()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_a_learner_shows_itself_and_what_it_says(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    learn = case.make()
    learn.fit(1, 1e-3, progress=False)
    assert "parameters" in learn.summary()
    assert type(learn.data).__name__ in repr(learn.data)
    assert str(learn.explain())
    assert all(np.isfinite(value) for value in learn.validate().values())
    picture = tmp_path / "results.png"
    drawn = learn.data.one_batch().x.ndim >= 4
    learn.show_results(4, path=picture if drawn else None)
    assert picture.exists() if drawn else "predicted" in capsys.readouterr().out
