"""What a learner gains from its frozen body, and that nobody can tell by the numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit import models, precision
from learnkit.callback import Callback
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.inference import load_learner
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.state import Phase, State
from learnkit.vision import cnn_learner

SHAPES: list[tuple[int, ...]] = []


class Counted(nn.Conv2d):
    """A convolution that notes its batches; in the folded body it is the same object."""

    __module__ = "torch.nn.counted"  # so torch.fx does not look inside

    def forward(self, input: Tensor) -> Tensor:
        SHAPES.append(tuple(input.shape))
        return super().forward(input)


@dataclass(frozen=True)
class TinySource(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(
            Counted(3, 8, 3, stride=2, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
        )


TINY = Backbone("tiny", TinySource())


@pytest.fixture(autouse=True)
def shapes() -> list[tuple[int, ...]]:
    """Shapes of the batches that passed a body."""
    assert TINY.n_features  # measured once in a process, with a picture of its own
    SHAPES.clear()
    return SHAPES


@pytest.fixture
def still(photo_folder: Path) -> ImageDataBunch:
    """Photos without random changes: 18 to train on, 6 to validate on."""
    return ImageDataBunch.from_folder(photo_folder, size=24, batch_size=6, tfms=None)


@pytest.fixture
def varied(photo_folder: Path) -> ImageDataBunch:
    return ImageDataBunch.from_folder(photo_folder, size=24, batch_size=6)


def make(data: ImageDataBunch, **options: Any) -> Learner:
    """A frozen learner whose body has norms that do something."""
    options.setdefault("train_bn", False)
    learn = cnn_learner(data, TINY, weights=None, device="cpu", metrics=accuracy, **options)
    drawn = torch.Generator().manual_seed(3)
    for norm in learn.model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.1, generator=drawn)
            norm.running_var.uniform_(0.5, 1.5, generator=drawn)
    return learn.freeze()


def plain(data: ImageDataBunch, **options: Any) -> Learner:
    """The same one, whose body is always run as it is."""
    learn = make(data, **options)
    learn._fast = None
    return learn


def numbers(history: Any) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def weights(learn: Learner) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in learn.model.state_dict().items()}


@pytest.mark.parametrize("options", [{}, {"head": "plain"}])
@pytest.mark.parametrize("kind", ["still", "varied"])
def test_the_history_is_that_of_the_plain_body(
    request: pytest.FixtureRequest, kind: str, options: dict[str, Any]
) -> None:
    data = request.getfixturevalue(kind)
    rows = numbers(make(data, **options).fit(3, progress=False))
    expected = numbers(plain(data, **options).fit(3, progress=False))
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-5, abs=1e-5)


def test_photos_that_come_back_unchanged_pass_the_body_once(
    still: ImageDataBunch, shapes: list[tuple[int, ...]]
) -> None:
    make(still).fit(3, progress=False)
    assert sum(shape[0] for shape in shapes) == 18 + 6


def test_photos_with_random_changes_pass_it_in_each_epoch(
    varied: ImageDataBunch, shapes: list[tuple[int, ...]]
) -> None:
    make(varied).fit(3, progress=False)
    assert sum(shape[0] for shape in shapes) == 3 * 18 + 6


def test_any_transform_in_training_makes_another_photo_in_each_epoch(
    photo_folder: Path, shapes: list[tuple[int, ...]]
) -> None:
    tfms = [lambda x: x * torch.rand(1)]
    data = ImageDataBunch.from_folder(photo_folder, size=24, batch_size=6, tfms=tfms)
    make(data).fit(2, progress=False)
    assert sum(shape[0] for shape in shapes) == 2 * 18 + 6


def test_a_body_that_trains_passes_everything(
    still: ImageDataBunch, shapes: list[tuple[int, ...]]
) -> None:
    make(still).unfreeze().fit(2, progress=False)
    assert sum(shape[0] for shape in shapes) == 2 * (18 + 6)


def test_norms_that_train_in_a_frozen_body_see_everything(
    still: ImageDataBunch, shapes: list[tuple[int, ...]]
) -> None:
    learn = make(still, train_bn=True)
    before = learn.model.body[1].running_mean.clone()
    learn.fit(2, progress=False)
    assert sum(shape[0] for shape in shapes) == 2 * (18 + 6)
    assert not torch.equal(learn.model.body[1].running_mean, before)


class Replacing(Callback):
    """Give the model another batch, as MixUp does."""

    def before_batch(self, state: State) -> None:
        state.batch = state.batch._replace(x=state.batch.x.flip(3) * 0.5)


class Changing(Callback):
    """Change the batch where it lies."""

    def before_batch(self, state: State) -> None:
        if state.phase is Phase.TRAIN:
            state.batch.x.mul_(0.5)


@pytest.mark.parametrize("callback", [Replacing, Changing])
def test_a_batch_that_a_callback_changed_is_computed(
    still: ImageDataBunch, callback: Callable[[], Callback]
) -> None:
    rows = numbers(make(still).fit(2, callbacks=callback(), progress=False))
    expected = numbers(plain(still).fit(2, callbacks=callback(), progress=False))
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-5, abs=1e-5)
    untouched = numbers(make(still).fit(2, progress=False))
    assert rows[0]["train_loss"] != pytest.approx(untouched[0]["train_loss"], abs=1e-4)


def test_two_fits_with_one_seed_are_bit_identical(still: ImageDataBunch) -> None:
    one, other = make(still), make(still)
    assert numbers(one.fit(3, progress=False)) == numbers(other.fit(3, progress=False))
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=0)


def test_a_body_that_trained_in_between_is_used_as_it_became(still: ImageDataBunch) -> None:
    learn = make(still)
    learn.fit(1, progress=False)
    learn.get_preds()
    learn.unfreeze().fit(1, 0.02, progress=False)
    row = learn.freeze().fit(1, progress=False)[-1]
    fast, preds = learn.validate(), learn.get_preds().preds
    learn._fast = None
    exact = learn.validate()
    assert fast == pytest.approx(exact, abs=1e-5)
    assert {name: row[name] for name in exact} == pytest.approx(exact, abs=1e-5)
    torch.testing.assert_close(learn.get_preds().preds, preds, rtol=0, atol=1e-5)


def test_validation_says_what_the_last_row_said(varied: ImageDataBunch) -> None:
    learn = make(varied)
    row = learn.fit(2, progress=False)[-1]
    found = learn.validate()
    expected = {name: row[name] for name in found}
    assert found == pytest.approx(expected, abs=1e-6)


def test_all_ways_to_predict_agree(varied: ImageDataBunch, tmp_path: Path) -> None:
    learn = make(varied, precision="fp32")
    learn.fit(1, progress=False)
    expected = learn.get_preds().preds
    files = [varied.valid_dl.describe(i) for i in range(6)]
    found = torch.stack([learn.predict(file).probabilities for file in files])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    logits = learn.get_preds(activate=False).preds
    torch.testing.assert_close(logits.softmax(1), expected, rtol=0, atol=1e-6)


def test_nothing_is_kept_after_a_fit_and_the_model_is_as_it_was(still: ImageDataBunch) -> None:
    learn = make(still)
    learn.fit(2, progress=False)
    assert learn._fast._tables == {}
    assert learn.model.fast is None
    learn.validate()
    assert learn._fast._tables == {}


def test_nothing_is_kept_after_a_fit_that_failed(still: ImageDataBunch) -> None:
    class Failing(Callback):
        def after_epoch(self, state: State) -> None:
            raise KeyboardInterrupt

    learn = make(still)
    with pytest.raises(KeyboardInterrupt):
        learn.fit(2, callbacks=Failing(), progress=False)
    assert learn._fast._tables == {}
    assert learn.model.fast is None


def test_learners_that_share_a_model_see_each_others_weights(
    still: ImageDataBunch, varied: ImageDataBunch
) -> None:
    """As when the photos get larger from one learner to the next."""
    one = make(still)
    one.get_preds()
    other = Learner(varied, one.model, device="cpu", normalize=one.normalize)
    other.unfreeze().fit(1, 0.05, progress=False)
    one.freeze()
    found = one.get_preds().preds
    one._fast = None
    torch.testing.assert_close(one.get_preds().preds, found, rtol=0, atol=1e-5)


def test_a_learner_within_a_fit_predicts_with_the_weights_of_now(still: ImageDataBunch) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    class Predicting(Callback):
        def after_epoch(self, state: State) -> None:
            found = learn.get_preds().preds
            state.model.fast, fast = None, state.model.fast
            kept, learn._fast = learn._fast, None
            seen.append((found, learn.get_preds().preds))
            state.model.fast, learn._fast = fast, kept

    learn = make(still).unfreeze()
    learn.fit(2, 0.02, callbacks=Predicting(), progress=False)
    for found, expected in seen:
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


# ---------------------------------------------------------------- precision


@pytest.fixture
def with_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU on which training takes bf16 by itself, whatever the size of the model."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    monkeypatch.setattr(precision, "SMALL_MODEL", 1)


@pytest.mark.usefixtures("with_amx")
def test_bf16_trains_a_frozen_body_and_an_export_answers_alike(
    photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=32, batch_size=6)
    backbone = models.timm("test_resnet")
    learn = cnn_learner(data, backbone, weights=None, device="cpu", train_bn=False).freeze()
    learn.fit(2)
    first = capsys.readouterr().out.splitlines()[0]
    assert "; bf16 (this CPU " in first
    preds = learn.get_preds().preds
    assert preds.dtype == torch.float32
    predictor = load_learner(learn.export(tmp_path / "model"), device="cpu")
    assert predictor.precision.name == "bf16"
    files = [data.valid_dl.describe(i) for i in range(6)]
    for file in files:
        mine, its = learn.predict(file).probabilities, predictor.predict(file).probabilities
        assert torch.equal(mine, its)
    one, other = predictor.predict_batch(files), predictor.predict_batch(files)
    for mine, its in zip(one, other, strict=True):
        assert torch.equal(mine.probabilities, its.probabilities)
    exact = load_learner(tmp_path / "model", device="cpu", precision="fp32")
    assert exact.precision.name == "fp32"
    found = torch.stack([answer.probabilities for answer in exact.predict_batch(files)])
    torch.testing.assert_close(preds, found, rtol=0, atol=0.05)
    assert not torch.equal(preds, found)


def test_an_export_predicts_in_the_precision_asked_for(
    varied: ImageDataBunch, tmp_path: Path
) -> None:
    learn = cnn_learner(varied, models.timm("test_resnet"), weights=None, device="cpu")
    path = learn.export(tmp_path / "model")
    file = varied.valid_dl.describe(0)
    expected = load_learner(path, device="cpu").predict(file).probabilities
    found = load_learner(path, device="cpu", precision="bf16").predict(file).probabilities
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05)
    assert not torch.equal(found, expected)
