"""MixUp, CutMix and both: what the loop sees of them, and what else they go together with."""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.callback import Callback
from learnkit.callbacks.batches.mixing import CutMix, MixUp, MixUpOrCutMix
from learnkit.data.augment import RandomErasing
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.data.tabular.bunch import TabularDataBunch
from learnkit.errors import DataError
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.models.recurrent import lstm
from learnkit.sanity.names import CHECKS
from learnkit.state import State
from learnkit.tabular import tabular_learner
from learnkit.testing import tiny_learner
from learnkit.vision import cnn_learner


def photos() -> Learner:
    return tiny_learner(kind="images")


def both() -> Callback:
    return MixUpOrCutMix(until=0.5)


class Seen(Callback):
    """Keep the batches that come after the callback before it."""

    def __init__(self) -> None:
        self.train: list[Any] = []
        self.valid: list[Any] = []

    def before_batch(self, state: State) -> None:
        (self.train if state.training else self.valid).append(state.batch)


def batches_of(callbacks: list[Callback], learn: Learner, epochs: int = 1, **options: Any) -> Seen:
    seen = Seen()
    learn.fit(epochs, 0.05, callbacks=[*callbacks, seen], progress=False, **options)
    return seen


@pytest.mark.parametrize("callback", [MixUp(1.0), CutMix(), MixUpOrCutMix()])
def test_training_sees_mixtures_and_validation_what_it_always_sees(callback: Callback) -> None:
    plain, mixed = batches_of([], photos()), batches_of([callback], photos())
    for one, other in zip(plain.train, mixed.train, strict=True):
        assert other.x.shape == one.x.shape
        assert other.y.dtype == torch.float32
        torch.testing.assert_close(other.y.sum(1), torch.ones(len(one.y)))
    assert any(not torch.equal(a.x, b.x) for a, b in zip(plain.train, mixed.train, strict=True))
    torch.testing.assert_close([tuple(b) for b in plain.valid], [tuple(b) for b in mixed.valid])


def test_one_of_the_two_is_drawn_for_each_batch() -> None:
    """Photos of one value stay so under MixUp, and get a second value from CutMix."""

    def cut(switch_prob: float) -> list[bool]:
        torch.manual_seed(0)
        x = torch.arange(8.0)[:, None, None, None].expand(8, 1, 8, 8).clone()
        callback = MixUpOrCutMix(switch_prob=switch_prob)
        return [bool((callback.mix(x, x[:, 0, 0])[0].std((1, 2, 3)) > 0).any()) for _ in range(40)]

    assert not any(cut(0.0))
    assert sum(cut(1.0)) > 30
    assert 10 < sum(cut(0.5)) < 30


def test_samples_are_whole_after_until() -> None:
    """Of eight steps the last four: floats still, so that the loss is the same kind of loss."""
    seen = batches_of([MixUp(1.0, until=0.5)], tiny_learner(), epochs=2)
    whole = [bool(((b.y == 0) | (b.y == 1)).all()) for b in seen.train]
    assert whole[4:] == [True] * 4
    assert not all(whole[:4])
    assert all(b.y.dtype == torch.float32 for b in seen.train)


def learner_of(x: Tensor, y: Tensor, width: int, **options: Any) -> Learner:
    bunch = {k: options.pop(k) for k in ("classes", "tfms") if k in options}
    data = DataBunch.from_arrays(x, y, valid=(x, y), batch_size=4, **bunch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), width))
    return Learner(data, model, device="cpu", mute=CHECKS, **options)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_values_mix_as_they_are() -> None:
    """A target that is a linear function of x is the same function of the mixture."""
    x = drawn(8, 3)
    seen = batches_of([MixUp(1.0)], learner_of(x, x @ torch.ones(3, 1), 1))
    for batch in seen.train:
        torch.testing.assert_close(batch.y, batch.x @ torch.ones(3, 1))


def test_several_labels_at_once_mix_as_they_are() -> None:
    x, y = drawn(8, 3), drawn(8, 2) > 0
    data = DataBunch.from_dls(
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=4)
    )
    learn = Learner(data, nn.Linear(3, 2), device="cpu", mute=CHECKS)
    seen = batches_of([MixUp(1.0)], learn)
    assert all(b.y.dtype == torch.float32 and b.y.shape == (4, 2) for b in seen.train)
    assert any(((b.y > 0) & (b.y < 1)).any() for b in seen.train)


def weights_after(learn: Learner, callbacks: list[Callback], **options: Any) -> Tensor:
    learn.fit(2, 0.05, callbacks=callbacks, progress=False, **options)
    return torch.cat([p.detach().flatten() for p in learn.model.parameters()])


def classes(**options: Any) -> Learner:
    x = drawn(10, 3, 8, 8)
    return learner_of(x, (x.mean((1, 2, 3)) > 0).long(), 2, classes=[0, 1], **options)


def test_a_batch_in_parts_trains_as_the_whole_one() -> None:
    whole = weights_after(classes(), [MixUp(1.0)])
    parts = weights_after(classes(micro_batch=3), [MixUp(1.0)])
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(whole, weights_after(classes(), []))


@pytest.mark.parametrize(
    ("learner", "fit"),
    [
        ({}, {"accumulate": 3}),
        ({"precision": "bf16"}, {}),
        ({"opt_func": partial(torch.optim.LBFGS, max_iter=3)}, {}),
        ({"tfms": [RandomErasing(1.0)]}, {}),
        ({"loss_func": nn.CrossEntropyLoss(label_smoothing=0.1)}, {}),
    ],
)
def test_it_goes_together_with(learner: dict[str, Any], fit: dict[str, Any]) -> None:
    found = weights_after(classes(**learner), [MixUp(), CutMix()], **fit)
    assert torch.isfinite(found).all()


# ---------------------------------------------------------------- a frozen body


@dataclass(frozen=True)
class TinySource(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())


TINY = Backbone("tiny", TinySource())


def frozen(root: Path, folder: Path) -> Learner:
    """Photos that come back unchanged, whose features a frozen body would remember."""
    data = ImageDataBunch.from_folder(root, size=24, batch_size=7, tfms=None, num_workers=0)
    learn = cnn_learner(data, TINY, weights=None, device="cpu", metrics=accuracy, path=folder)
    return learn.freeze()


def test_mixed_photos_have_no_remembered_features(photo_folder: Path, tmp_path: Path) -> None:
    """The fit is that of a body which remembers nothing."""
    plain = frozen(photo_folder, tmp_path)
    plain._fast = None
    expected = plain.fit(3, callbacks=MixUp(1.0, until=0.6), progress=False)
    found = frozen(photo_folder, tmp_path).fit(3, callbacks=MixUp(1.0, until=0.6), progress=False)
    for row, other in zip(found, expected, strict=True):
        for name in ("train_loss", "valid_loss"):
            assert row[name] == pytest.approx(other[name], rel=1e-5)


class OneAfterTheOther(nn.Module):
    """A body whose features depend on the batch they are computed in, as rounding does."""

    __module__ = "torch.nn.mine"  # so torch.fx does not look inside

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * x.mean(0, keepdim=True)


@dataclass(frozen=True)
class ByBatchSource(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), OneAfterTheOther())


BY_BATCH = Backbone("by-batch", ByBatchSource())


class End(Exception):
    pass


class EndAt(Callback):
    looks_on = True

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def after_batch(self, state: State) -> None:
        if state.progress.batches_seen >= self.batch:
            raise End


@pytest.mark.parametrize("batch", [2, 5, 8])
def test_a_fit_on_a_frozen_body_goes_on_alike(
    photo_folder: Path, tmp_path: Path, batch: int
) -> None:
    """Also where whole photos come after mixed ones: these are not remembered either."""
    data = {"size": 24, "batch_size": 7, "tfms": None, "num_workers": 0}

    def fit(folder: str | None, *more: Callback) -> dict[str, Tensor]:
        bunch = ImageDataBunch.from_folder(photo_folder, **data)
        learn = cnn_learner(bunch, BY_BATCH, weights=None, device="cpu", path=tmp_path).freeze()
        mixing = MixUp(1.0, until=0.4)
        learn.fit(3, callbacks=[mixing, *more], checkpoint=folder, every_steps=1, progress=False)
        return dict(learn.model.state_dict())

    expected = fit(None)
    with pytest.raises(End):
        fit("run", EndAt(batch))
    torch.testing.assert_close(fit("run"), expected, rtol=0, atol=0)


# ---------------------------------------------------------------- what is refused


def test_a_loss_of_class_numbers_only_is_told_of_the_targets() -> None:
    learn = classes(loss_func=lambda preds, y: F.nll_loss(F.log_softmax(preds, 1), y))
    with pytest.raises(RuntimeError) as caught:
        learn.fit(1, callbacks=MixUp(), progress=False)
    assert caught.value.__notes__ == [
        "MixUp had turned the targets into floats: class numbers into a probability of each class, "
        "(B, K). Cross entropy takes these; with a loss that takes class numbers only, leave MixUp "
        "out."
    ]


def test_an_error_elsewhere_has_no_such_note() -> None:
    class Failing(Callback):
        def before_step(self, state: State) -> None:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError) as caught:
        classes().fit(1, callbacks=[MixUp(), Failing()], progress=False)
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize(
    ("callback", "x", "message"),
    [
        (
            CutMix(),
            drawn(4, 3),
            "CutMix cuts boxes out of photos, x (B, C, H, W); found x of shape (4, 3). MixUp mixes "
            "numbers of any shape.",
        ),
        (
            MixUpOrCutMix(switch_prob=0.0),
            drawn(4, 3),
            "MixUpOrCutMix cuts boxes out of photos, x (B, C, H, W); found x of shape (4, 3). "
            "MixUp mixes numbers of any shape.",
        ),
        (
            MixUp(),
            torch.ones(4, 3, dtype=torch.int64),
            "MixUp mixes one Tensor of floats; x is int64 of shape (4, 3). Leave MixUp out for "
            "such data.",
        ),
    ],
)
def test_x_that_cannot_be_mixed_is_refused(callback: Callback, x: Tensor, message: str) -> None:
    learn = learner_of(x, torch.tensor([0, 1, 0, 1]), 2, classes=[0, 1])
    with pytest.raises(DataError) as caught:
        learn.fit(1, callbacks=callback, progress=False)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MixUp(0), "MixUp(): alpha must be a number above 0, found 0."),
        (lambda: CutMix(math.nan), "CutMix(): alpha must be a number above 0, found nan."),
        (
            lambda: MixUpOrCutMix(mixup_alpha=-1),
            "MixUpOrCutMix(): mixup_alpha must be a number above 0, found -1.",
        ),
        (
            lambda: MixUpOrCutMix(cutmix_alpha=True),
            "MixUpOrCutMix(): cutmix_alpha must be a number above 0, found True.",
        ),
        (
            lambda: MixUpOrCutMix(switch_prob=1.5),
            "MixUpOrCutMix(): switch_prob must be in [0, 1], found 1.5.",
        ),
        (
            lambda: MixUp(until=0),
            "MixUp(): until must be a fraction of the fit in (0, 1], found 0.",
        ),
        (
            lambda: CutMix(n_classes=1),
            "CutMix(): n_classes must be a whole number of at least 2, found 1.",
        ),
    ],
)
def test_options_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_a_misspelt_option_names_the_nearest_one() -> None:
    with pytest.raises(TypeError) as caught:
        MixUpOrCutMix(mixup_alfa=0.4)  # type: ignore[call-arg]
    assert str(caught.value) == (
        "MixUpOrCutMix() has no argument 'mixup_alfa'. Did you mean 'mixup_alpha'?"
    )


def test_codes_of_categories_are_not_mixed() -> None:
    """Between the codes 1 and 3 lies another town."""
    rows: dict[str, Any] = {
        "town": ["Ulm", "Bonn", "Kiel"] * 8,
        "size": list(range(24)),
        "y": ["a", "b"] * 12,
    }
    learn = tabular_learner(TabularDataBunch.from_df(rows, "y", bs=8), layers=[4], device="cpu")
    with pytest.raises(DataError) as caught:
        learn.fit(1, callbacks=MixUp(), progress=False)
    assert str(caught.value) == (
        "MixUp takes means of x, and the mean of two categories is none of the two: this table has "
        "codes in 'town'. Leave MixUp out for such data."
    )


def test_numbers_of_a_table_are_mixed() -> None:
    rows: dict[str, Any] = {"size": [float(i) for i in range(24)], "y": ["a", "b"] * 12}
    learn = tabular_learner(TabularDataBunch.from_df(rows, "y", bs=8), layers=[4], device="cpu")
    assert batches_of([MixUp()], learn).train[0].y.shape == (8, 2)


def test_sequences_of_different_lengths_are_not_mixed() -> None:
    rows = [torch.ones(2 + i % 3, 1) * i for i in range(20)]
    data = SequenceDataBunch.from_sequences(rows, [0, 1] * 10, batch_size=4)
    learn = Learner(data, lstm(2, 2, hidden=3, ragged=True), device="cpu")
    with pytest.raises(DataError) as caught:
        learn.fit(1, callbacks=MixUp(), progress=False)
    assert str(caught.value) == (
        "MixUp takes means of x, and here the last number of a step says whether the step is "
        "there: sequences of different lengths cannot be mixed. Leave MixUp out for such data."
    )
