"""The Learner: every public method on arrays and on photos, and what it refuses."""

import contextlib
import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from learnkit import models
from learnkit.callback import Callback
from learnkit.callbacks.stop.early_stopping import EarlyStopping
from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.presets import get_transforms
from learnkit.data.source import ImageSource
from learnkit.errors import DataError, MetricError, ModelError, MonitorError, NonFiniteLossError
from learnkit.inference import Prediction, load_learner
from learnkit.learner import Learner
from learnkit.losses import softmax
from learnkit.metrics import accuracy, error_rate
from learnkit.state import State


def make_arrays(n: int = 40, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=drawn)
    return x, (x.sum(1) > 0).long()


@pytest.fixture
def data() -> DataBunch:
    return DataBunch.from_arrays(*make_arrays(), valid=make_arrays(18, seed=1), batch_size=8)


def dropping(seed: int = 0) -> nn.Module:
    """A perceptron that draws random numbers in training and has running statistics."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 2)
        )


def make(data: DataBunch, model: nn.Module | None = None, **options: Any) -> Learner:
    options.setdefault("device", "cpu")
    return Learner(data, model if model is not None else dropping(), **options)


def weights(learn: Learner) -> list[Tensor]:
    return [value.clone() for value in learn.model.state_dict().values()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def numbers(history: Any) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.fixture
def photos(photo_folder: Path) -> ImageDataBunch:
    return ImageDataBunch.from_folder(photo_folder, size=24, batch_size=6)


@pytest.fixture
def seeing(photos: ImageDataBunch) -> Learner:
    model = models.cnn(3, channels=[8, 16])
    return make(photos, model, metrics=accuracy, normalize=Normalize((0.5,) * 3, (0.25,) * 3))


# ---------------------------------------------------------------- fit


def test_fit_learns_and_returns_a_row_per_epoch(data: DataBunch) -> None:
    learn = make(data, models.mlp(4, 16, 2), metrics=[accuracy, error_rate])
    history = learn.fit(6, 0.05, progress=False)
    assert len(history) == 6
    expected = ("train_loss", "valid_loss", "accuracy", "error_rate", "seconds")
    assert history.columns == expected
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert history[-1]["accuracy"] > 0.8
    assert not learn.model.training


def test_photos_are_learned(seeing: Learner) -> None:
    assert seeing.fit(6, 0.02, progress=False)[-1]["accuracy"] == 1.0


def test_fit_shows_its_plan_and_a_table(
    data: DataBunch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(data, models.mlp(4, 2), metrics=accuracy, precision="fp32").fit(2, 0.01)
    first, header, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith(
        "40 train, 18 valid samples in batches of 8; all 10 weights train; "
        "AdamW, flat, then cosine, lr 0.01, decay 0.01; fp32 (as asked) on cpu ("
    )
    numbers = ["epoch", "train_loss", "valid_loss", "accuracy", "time", "samples/s", "left"]
    assert header.split() == numbers
    assert [row.split()[0] for row in rows] == ["1", "2"]


def test_progress_false_shows_nothing(data: DataBunch, capsys: pytest.CaptureFixture[str]) -> None:
    learn = make(data)
    learn.fit(1, progress=False)
    learn.lr_find(steps=4, progress=False)
    assert capsys.readouterr().out == ""


def test_history_goes_on_over_fits_and_each_fit_returns_its_own(data: DataBunch) -> None:
    learn = make(data)
    first = learn.fit(2, progress=False)
    second = learn.fit(1, progress=False)
    assert (len(first), len(second), len(learn.history)) == (2, 1, 3)
    assert list(learn.history) == [*first, *second]


class Rates(Callback):
    """Write down the rate of each step, for every group."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def after_step(self, state: State) -> None:
        self.seen.append([group["lr"] for group in state.optimizer.param_groups])


def by_layer(module: nn.Module) -> list[list[nn.Parameter]]:
    groups = (list(child.parameters()) for child in module.children())
    return [group for group in groups if group]


def test_the_default_schedule_is_flat_then_falls_to_zero(data: DataBunch) -> None:
    rates = Rates()
    make(data).fit(4, 0.01, callbacks=rates, progress=False)
    last = [lrs[-1] for lrs in rates.seen]
    assert len(last) == 20
    assert last[:15] == pytest.approx([0.01] * 15)
    assert all(b < a for a, b in itertools.pairwise(last[15:]))


def test_fit_one_cycle_rises_and_falls(data: DataBunch) -> None:
    rates = Rates()
    make(data).fit_one_cycle(4, 0.01, callbacks=rates, progress=False)
    last = [lrs[-1] for lrs in rates.seen]
    assert last[0] == pytest.approx(0.01 / 25)
    assert max(last) == last[5] == pytest.approx(0.01)


def test_each_layer_group_gets_its_rate(data: DataBunch) -> None:
    rates = Rates()
    learn = make(data, splitter=by_layer)
    learn.fit(1, slice(1e-4, 1e-2), schedule=lambda at: 1.0, cbs=rates, progress=False)
    found = sorted(set(rates.seen[0]))
    assert found == pytest.approx([1e-4, 1e-3, 1e-2])
    assert repr(learn) == "Learner(Sequential, 3 layer groups, 2 classes, fp32 on cpu)"


def test_fine_tune_trains_the_head_then_all(data: DataBunch) -> None:
    trained: list[tuple[bool, ...]] = []

    class Looking(Callback):
        def before_epoch(self, state: State) -> None:
            trained.append(tuple(p.requires_grad for p in state.model.parameters()))

    learn = make(data, splitter=by_layer)
    history = learn.fine_tune(2, freeze_epochs=1, callbacks=Looking(), progress=False)
    head_alone, everything = (False,) * 4 + (True,) * 2, (True,) * 6
    assert trained == [head_alone, everything, everything]
    assert len(history) == len(learn.history) == 3
    assert [row["train_loss"] for row in history] == learn.history.column("train_loss")


def test_fine_tune_without_frozen_epochs_trains_all_at_once(data: DataBunch) -> None:
    assert len(make(data).fine_tune(1, freeze_epochs=0, progress=False)) == 1


def test_fine_tune_refuses_before_it_trains(data: DataBunch) -> None:
    learn = make(data)
    assert told(ValueError, lambda: learn.fine_tune(0)) == "epochs must be at least 1; got 0."
    assert len(learn.history) == 0


def test_callbacks_of_one_fit_are_gone_afterwards(data: DataBunch) -> None:
    always, once, also = Rates(), Rates(), Rates()
    learn = make(data, callbacks=always)
    learn.fit(1, callbacks=[once], cbs=also, progress=False)
    learn.fit(1, progress=False)
    assert [len(c.seen) for c in (always, once, also)] == [10, 5, 5]


def test_data_without_validation_trains(data: DataBunch) -> None:
    alone = DataBunch.from_dls(DataLoader(TensorDataset(*make_arrays(16)), 8), classes=["n", "y"])
    learn = make(alone, models.mlp(4, 2), metrics=accuracy)
    assert learn.fit(1, progress=False).columns == ("train_loss", "seconds")
    expected = (
        "this data has no validation samples; pass a loader, or make the data with valid_pct=0.2."
    )
    for method in (learn.validate, learn.get_preds, learn.tta):
        assert told(ModelError, method) == expected
    assert learn.validate(data.valid_dl).keys() == {"valid_loss", "accuracy"}


def test_values_are_learned_by_the_loss_that_goes_with_them() -> None:
    x, _ = make_arrays(40)
    data = DataBunch.from_arrays(x, x.sum(1, keepdim=True), batch_size=8)
    learn = make(data, models.mlp(4, 1))
    assert learn.fit(5, 0.1, progress=False)[-1]["valid_loss"] < 1
    assert learn.get_preds().preds.shape == (8, 1)
    assert learn.predict(np.zeros(4)).label == ""


def test_early_stopping_leaves_its_reason(data: DataBunch) -> None:
    learn = make(data)
    history = learn.fit(
        9, 0.0, cbs=EarlyStopping("train_loss", patience=1, min_delta=9), progress=False
    )
    assert len(history) == 2
    expected = f"train_loss has not improved for 1 epoch (best {learn.history[0]['train_loss']:.4g}"
    assert str(history.stop_reason).startswith(expected[:50])
    assert learn.history.stop_reason == history.stop_reason


def test_lbfgs_fits_through_the_learner(data: DataBunch) -> None:
    learn = make(data, models.mlp(4, 2), opt_func=torch.optim.LBFGS)
    history = learn.fit(2, 0.5, schedule=lambda at: 1.0, progress=False)
    assert history[-1]["train_loss"] < history[0]["train_loss"]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_trains_and_predicts_in_fp32(data: DataBunch, precision: Any) -> None:
    learn = make(data, models.mlp(4, 8, 2), precision=precision, metrics=accuracy)
    history = learn.fit(2, 0.05, progress=False)
    assert math.isfinite(history[-1]["valid_loss"])
    assert learn.get_preds().preds.dtype == torch.float32
    assert {p.dtype for p in learn.model.parameters()} == {torch.float32}


# ---------------------------------------------------------------- the same again


@pytest.mark.parametrize("caller", [1, 2])
def test_two_runs_with_one_seed_are_bit_identical(data: DataBunch, caller: int) -> None:
    runs = []
    for offset in (0, 10):
        torch.manual_seed(caller + offset)  # what the caller drew before plays no part
        learn = make(data, metrics=accuracy)
        rows = numbers(learn.fit_one_cycle(2, 0.05, progress=False))
        runs.append((rows, weights(learn)))
    assert runs[0][0] == runs[1][0]
    assert same(runs[0][1], runs[1][1])


def test_another_seed_gives_another_run(data: DataBunch) -> None:
    one, other = make(data, seed=1), make(data, seed=2)
    one.fit(1, progress=False)
    other.fit(1, progress=False)
    assert not same(weights(one), weights(other))


def test_the_number_of_threads_changes_nothing(photo_folder: Path) -> None:
    """Decoding threads, random crops, transforms and dropout together."""
    runs = []
    for workers in (0, 1, 4):
        data = ImageDataBunch.from_folder(
            photo_folder, size=24, batch_size=4, tfms=get_transforms(), num_workers=workers
        )
        body = models.cnn(3, channels=[4, 8])
        learn = make(data, nn.Sequential(body, nn.Dropout(0.5)), metrics=accuracy)
        rows = numbers(learn.fit(2, progress=False))
        runs.append((rows, weights(learn)))
    for rows, found in runs[1:]:
        assert rows == runs[0][0]
        assert same(found, runs[0][1])


def test_the_callers_generators_are_left_alone(seeing: Learner, photo_folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    seeing.fit(1, progress=False)
    seeing.lr_find(steps=3, progress=False)
    seeing.validate()
    seeing.tta(n=1)
    seeing.predict(photo_folder / "valid" / "red" / "red_0.jpg")
    assert torch.equal(torch.rand(4), expected)


class Order(Callback):
    """Write down which samples each training batch held."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def before_batch(self, state: State) -> None:
        if state.training:
            self.seen.append(state.indices.tolist())


def test_a_second_fit_goes_on_where_the_first_ended(data: DataBunch) -> None:
    apart, together = Order(), Order()
    learn = make(data)
    learn.fit(1, callbacks=apart, progress=False)
    learn.fit(1, callbacks=apart, progress=False)
    make(data).fit(2, callbacks=together, progress=False)
    assert apart.seen[:5] != apart.seen[5:]
    assert apart.seen == together.seen


def test_save_load_fit_equals_an_uninterrupted_run(data: DataBunch, tmp_path: Path) -> None:
    whole = make(data, path=tmp_path, metrics=accuracy)
    whole.fit(2, progress=False)
    assert whole.save("half") == tmp_path / "half"
    expected = numbers(whole.fit_one_cycle(2, progress=False))
    resumed = make(data, dropping(seed=9), path=tmp_path, metrics=accuracy).load("half")
    assert numbers(resumed.fit_one_cycle(2, progress=False)) == expected
    assert same(weights(resumed), weights(whole))
    assert numbers(resumed.history) == numbers(whole.history)


def test_save_load_fit_equals_an_uninterrupted_run_of_a_convolutional_net(
    photos: ImageDataBunch, tmp_path: Path
) -> None:
    """Its weights are channels-last, so what the optimizer takes back must be that too."""

    def net() -> Learner:
        return Learner(photos, models.cnn(photos.n_classes, channels=(8, 8)))

    through, first, second = net(), net(), net()
    through.fit(1, progress=False)
    through.fit(1, progress=False)
    first.fit(1, progress=False)
    first.save(tmp_path / "s")
    second.load(tmp_path / "s").fit(1, progress=False)
    assert same(weights(through), weights(second))


def test_loading_without_the_optimizer_takes_the_weights_alone(
    data: DataBunch, tmp_path: Path
) -> None:
    one, other = make(data, path=tmp_path), make(data, dropping(seed=9), path=tmp_path)
    one.fit(1, progress=False)
    one.save("full")
    other.load("full", optimizer=False)
    assert same(weights(one), weights(other))
    assert other.optimizer.state_dict()["state"] == {}


# ---------------------------------------------------------------- whatever happens


class At(Callback):
    """Raise once, at one hook."""

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error

    def after_loss(self, state: State) -> None:
        if state.progress.batches_done == 2 and self.error is not None:
            error, self.error = self.error, None
            raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("boom")])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_learner_is_usable_after_any_end(
    data: DataBunch, error: BaseException, precision: Any
) -> None:
    learn = make(data, metrics=accuracy, precision=precision)
    learn.fit(1, progress=False)
    with pytest.raises(type(error)):
        learn.fit(2, callbacks=At(error), progress=False)
    assert not learn.model.training
    assert all(p.grad is None for p in learn.model.parameters())
    assert not torch.is_autocast_enabled("cpu")
    assert len(learn.history) == 1
    assert len(learn.fit(1, progress=False)) == 1
    assert len(learn.get_preds().preds) == 18


def test_a_nan_stops_with_names_and_the_weights_as_they_were(photo_folder: Path) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=24, batch_size=18, num_workers=0)
    learn = make(
        data,
        models.cnn(3, channels=[4]),
        loss_func=lambda preds, y: functional.cross_entropy(preds, y) * math.nan,
    )
    before = [p.clone() for p in learn.model.parameters()]
    message = told(NonFiniteLossError, lambda: learn.fit(1, 0.01, progress=False))
    start, names = message.split("The batch holds: ")
    assert start == "the training loss became nan in epoch 1, batch 1, at learning rate 0.01. "
    assert names.count(".jpg") == 8
    assert " and 10 more. The weights are those before this batch, and learn.replay(0)" in names
    assert same(before, list(learn.model.parameters()))


# ---------------------------------------------------------------- lr_find


def test_lr_find_suggests_a_rate_and_puts_everything_back(data: DataBunch) -> None:
    learn = make(data)
    learn.fit(1, progress=False)
    before, state = weights(learn), learn.optimizer.state_dict()
    result = learn.lr_find(start=1e-5, end=1.0, steps=30, progress=False)
    assert 1e-5 <= result.suggestion <= 1.0
    assert same(before, weights(learn))
    assert str(learn.optimizer.state_dict()) == str(state)
    assert len(learn.history) == 1


def test_lr_find_shows_a_bar(data: DataBunch) -> None:
    make(data).lr_find(steps=3)


def test_lr_find_does_not_change_what_comes_after(data: DataBunch) -> None:
    one, other = make(data), make(data)
    one.lr_find(steps=7, progress=False)
    assert numbers(one.fit(1, progress=False)) == numbers(other.fit(1, progress=False))
    assert same(weights(one), weights(other))


def test_lr_find_puts_the_weights_back_after_ctrl_c(
    data: DataBunch, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = make(data)
    before, calls = weights(learn), [0]
    step = torch.optim.AdamW.step

    def interrupted(self: Any, *args: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(torch.optim.AdamW, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learn.lr_find(progress=False)
    assert calls[0] == 3
    assert same(before, weights(learn))


# ---------------------------------------------------------------- looking


def test_validate_gives_the_last_row_of_the_fit(data: DataBunch) -> None:
    learn = make(data, metrics=accuracy)
    row = learn.fit(1, progress=False)[-1]
    assert learn.validate() == pytest.approx({k: row[k] for k in ("valid_loss", "accuracy")})


def test_get_preds_gives_probabilities_or_logits_in_order(data: DataBunch) -> None:
    learn = make(data)
    probabilities, targets = learn.get_preds()
    logits = learn.get_preds(activate=False).preds
    x, y = make_arrays(18, seed=1)
    torch.testing.assert_close(logits, learn.model(x).detach())
    torch.testing.assert_close(probabilities, softmax(logits))
    assert torch.equal(targets, y)


def test_predictions_are_the_callers_to_change(data: DataBunch) -> None:
    found = make(data).get_preds()
    found.preds.mul_(2)
    found.targets.add_(1)
    assert found.preds.requires_grad_().sum().backward() is None  # type: ignore[no-untyped-call, unused-ignore, func-returns-value]


def test_predict_takes_a_photo_or_a_row(
    seeing: Learner, data: DataBunch, photo_folder: Path
) -> None:
    answer = seeing.predict(photo_folder / "valid" / "blue" / "blue_0.jpg")
    assert isinstance(answer, Prediction)
    assert answer.classes == ("blue", "green", "red")
    learn = make(data)
    x, _ = make_arrays(18, seed=1)
    expected = learn.get_preds().preds[0]
    for row in (x[0], x[0].numpy(), x[0].double().numpy()):
        torch.testing.assert_close(learn.predict(row).probabilities, expected)


def test_many_are_answered_as_each_alone_and_as_the_export_does(
    data: DataBunch, tmp_path: Path
) -> None:
    learn = make(data)
    x, _ = make_arrays(5, seed=1)
    answers = learn.predict_batch(list(x), batch_size=2)
    for row, answer in zip(x, answers, strict=True):
        torch.testing.assert_close(answer.probabilities, learn.predict(row).probabilities)
    assert learn.predict_batch([]) == []
    loaded = load_learner(learn.export(tmp_path / "model"), device="cpu", builder=dropping)
    again = loaded.predict_batch(list(x), batch_size=2)
    assert all(
        torch.equal(a.probabilities, b.probabilities) for a, b in zip(answers, again, strict=True)
    )
    assert told(DataError, lambda: learn.predict_batch("one")) == (
        "predict_batch takes a list of samples; found 'one'. predict takes one, predict_folder a "
        "folder."
    )


def test_predict_agrees_with_get_preds(seeing: Learner, photo_folder: Path) -> None:
    seeing.fit(1, progress=False)
    expected = seeing.get_preds().preds
    valid = sorted((photo_folder / "valid").rglob("*.jpg"))
    for path, row in zip(valid, expected, strict=True):
        torch.testing.assert_close(seeing.predict(path).probabilities, row, rtol=0, atol=1e-6)


def test_tta_averages_augmented_views_and_repeats(seeing: Learner) -> None:
    seeing.fit(1, progress=False)
    one, again = seeing.tta(n=2), seeing.tta(n=2)
    assert torch.equal(one.preds, again.preds)
    torch.testing.assert_close(one.preds.sum(1), torch.ones(6))
    plain = seeing.get_preds().preds
    assert not torch.equal(one.preds, plain)
    torch.testing.assert_close(seeing.tta(n=1, beta=1.0).preds, plain)
    assert told(ValueError, lambda: seeing.tta(n=0)) == "tta needs n >= 1 augmented views; got 0."


def test_summary_is_a_table_of_layers(seeing: Learner) -> None:
    table = seeing.summary()
    assert "Conv2d" in table
    assert "Linear" in table


def test_freeze_and_unfreeze_choose_what_trains(data: DataBunch) -> None:
    learn = make(data, splitter=by_layer)

    def trains() -> list[bool]:
        return [all(p.requires_grad for p in group) for group in learn.layer_groups]

    assert learn.freeze() is learn
    assert trains() == [False, False, True]
    learn.freeze_to(1)
    assert trains() == [False, True, True]
    learn.freeze_to(-2)
    assert trains() == [False, True, True]
    learn.unfreeze()
    assert trains() == [True, True, True]


def test_frozen_weights_and_statistics_stay(data: DataBunch) -> None:
    learn = make(data, splitter=by_layer).freeze()
    before = weights(learn)
    learn.fit(1, progress=False)
    names = list(learn.model.state_dict())
    moved = [n for n, a, b in zip(names, before, weights(learn), strict=True) if not a.equal(b)]
    assert moved == ["3.weight", "3.bias"]


# ---------------------------------------------------------------- what it refuses


def told(error: type[BaseException], call: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


X, Y = make_arrays(8)


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        (
            {"data": DataLoader(TensorDataset(X, Y))},
            TypeError,
            "Learner's data must be a DataBunch; got DataLoader. Wrap raw loaders: "
            "DataBunch.from_dls(train_dl, valid_dl, classes=[...]).",
        ),
        (
            {"model": nn.Linear},
            TypeError,
            "Learner's model must be a torch.nn.Module; got Linear. "
            "Call it: pass MyModel(), not MyModel.",
        ),
        (
            {"model": "resnet34"},
            TypeError,
            "Learner's model must be a torch.nn.Module; got str.",
        ),
        (
            {"callbacks": EarlyStopping},
            TypeError,
            "callbacks takes instances: pass EarlyStopping(), not EarlyStopping.",
        ),
        (
            {"callbacks": [EarlyStopping]},
            TypeError,
            "callbacks takes instances: pass EarlyStopping(), not EarlyStopping.",
        ),
        (
            {"cbs": [accuracy]},
            TypeError,
            "callbacks takes Callback objects; got function. Subclass learnkit.Callback and pass "
            "an instance.",
        ),
        (
            {"metrics": "acuracy"},
            MetricError,
            "metrics: there is no metric 'acuracy'. Did you mean 'accuracy'?",
        ),
        (
            {"loss_func": nn.CrossEntropyLoss},
            TypeError,
            "loss_func takes a function or an object: pass CrossEntropyLoss(), "
            "not CrossEntropyLoss.",
        ),
        (
            {"loss_func": "mse"},
            TypeError,
            "loss_func must be a function (preds, targets) to a scalar; got str.",
        ),
        (
            {"metric": accuracy},
            TypeError,
            "Learner() has no argument 'metric'. Did you mean 'metrics'?",
        ),
        (
            {"precision": "fp61"},
            ValueError,
            "precision must be one of auto, fp32, bf16, fp16; got 'fp61'. Did you mean 'fp16'?",
        ),
        (
            {"device": "gpu"},
            ValueError,
            'device must be one that torch knows, such as "cpu", "cuda", "cuda:1" or "mps"; got '
            "'gpu'.",
        ),
        (
            {"model": models.resnet18},
            TypeError,
            "Learner's model must be a torch.nn.Module; got Backbone. "
            "cnn_learner(data, models.resnet18) makes a model of it.",
        ),
        (
            {"opt_func": "adam"},
            TypeError,
            "opt_func must make an optimizer from parameter groups, such as adamw, sgd or "
            "torch.optim.Adam; got 'adam'.",
        ),
        (
            {"opt_func": torch.optim.SGD([torch.zeros(1)])},
            TypeError,
            "opt_func makes the optimizer: pass torch.optim.SGD, not one of them.",
        ),
        (
            {"normalize": True},
            TypeError,
            "normalize must be Normalize(mean, std) or None; got True. cnn_learner "
            "takes mean and std from the backbone.",
        ),
    ],
)
def test_a_wrong_part_is_refused_at_once(
    data: DataBunch, options: dict[str, Any], error: type[BaseException], expected: str
) -> None:
    parts: dict[str, Any] = {"data": data, "model": nn.Linear(4, 2), **options}
    assert told(error, lambda: Learner(**parts)) == expected


@pytest.mark.parametrize(
    ("call", "error", "expected"),
    [
        (lambda learn: learn.fit(0), ValueError, "epochs must be at least 1; got 0."),
        (lambda learn: learn.fit(1.5), TypeError, "epochs must be a whole number; got 1.5."),
        (
            lambda learn: learn.fit(1, "1e-3"),
            ValueError,
            "lr must be a number such as 1e-3, slice(lo, hi), or one number per layer group; "
            "got '1e-3'.",
        ),
        (
            lambda learn: learn.fit(1, schedule="cosine"),
            TypeError,
            "schedule must be a function of the fraction done, in [0, 1], such as those of "
            "learnkit.schedule; got 'cosine'.",
        ),
        (
            lambda learn: learn.tta(beta=3),
            ValueError,
            "tta needs beta, the weight of the plain view, in [0, 1]; got 3.",
        ),
        (
            lambda learn: learn.fit(1, accumulate=0),
            ValueError,
            "accumulate must be at least 1; got 0.",
        ),
        (
            lambda learn: learn.fit(1, [0.1, 0.2]),
            ValueError,
            "lr has 2 values and the model has 1 layer groups; "
            "give one number, slice(lo, hi), or one number per group.",
        ),
        (
            lambda learn: learn.fit(1, weight_decay=-1),
            ValueError,
            "weight_decay must be a number >= 0; got -1.",
        ),
        (
            lambda learn: learn.fit(1, wd=0.1),
            TypeError,
            "Learner.fit() has no argument 'wd'. It takes: epochs, lr, schedule, weight_decay, "
            "minutes, accumulate, callbacks, cbs, progress, checkpoint, resume, every_minutes, "
            "every_steps.",
        ),
        (
            lambda learn: learn.fit_one_cycle(1, lr_max=0.1),
            TypeError,
            "Learner.fit_one_cycle() has no argument 'lr_max'. Did you mean 'max_lr'?",
        ),
        (
            lambda learn: learn.fit(1, callbacks=EarlyStopping),
            TypeError,
            "callbacks takes instances: pass EarlyStopping(), not EarlyStopping.",
        ),
        (
            lambda learn: learn.freeze_to(1),
            ValueError,
            "freeze_to(1): the model has 1 layer groups.",
        ),
        (
            lambda learn: learn.freeze_to(-2),
            ValueError,
            "freeze_to(-2): the model has 1 layer groups.",
        ),
        (
            lambda learn: learn.freeze_to("1"),
            ValueError,
            "freeze_to('1'): the model has 1 layer groups.",
        ),
        (
            lambda learn: learn.lr_find(start=1.0, end=0.1),
            ValueError,
            "LRFinder(): expected 0 < start < end, found start=1.0 and end=0.1.",
        ),
    ],
)
def test_a_wrong_argument_is_refused_before_training(
    data: DataBunch,
    call: Callable[[Any], object],
    error: type[BaseException],
    expected: str,
) -> None:
    learn = make(data)
    before = weights(learn)
    assert told(error, lambda: call(learn)) == expected
    assert same(before, weights(learn))


def test_a_value_that_is_not_computed_cannot_be_watched(data: DataBunch) -> None:
    learn = make(data, metrics=accuracy)
    with pytest.raises(MonitorError) as caught:
        learn.fit(1, callbacks=EarlyStopping("acuracy"), progress=False)
    assert "Did you mean 'accuracy'?" in str(caught.value)


def test_a_model_of_another_width_is_told_before_the_first_step(data: DataBunch) -> None:
    learn = make(data, nn.Linear(4, 1000))
    before = weights(learn)
    assert told(ModelError, lambda: learn.fit(1, progress=False)) == (
        "the model's output has width 1000, but the data has 2 classes (0, 1). "
        "Give the last layer 2 outputs."
    )
    assert same(before, weights(learn))


def test_a_label_out_of_range_is_told() -> None:
    loader = DataLoader(TensorDataset(X, torch.full((8,), 7)), batch_size=4)
    learn = make(DataBunch.from_dls(loader, classes=["no", "yes"]), nn.Linear(4, 2))
    assert told(ModelError, lambda: learn.fit(1, progress=False)) == (
        "a label is 7, but with 2 classes labels run from 0 to 1. Check the dataset's targets."
    )


@pytest.mark.parametrize("splitter", [lambda model: None, lambda model: list(model.children())])
def test_a_splitter_must_give_lists_of_parameters(data: DataBunch, splitter: Any) -> None:
    learn = Learner(data, nn.Sequential(nn.Linear(4, 2)), splitter=splitter)
    assert told(TypeError, lambda: learn.fit(1)) == (
        "splitter must return layer groups, early to late, each a list of parameters: "
        "[list(model.body.parameters()), list(model.head.parameters())]."
    )


def test_a_parameter_belongs_to_one_layer_group(data: DataBunch) -> None:
    learn = Learner(data, nn.Linear(4, 2), splitter=lambda model: [[*model.parameters()]] * 2)
    expected = "splitter put a parameter into two layer groups; each belongs to one."
    assert told(ValueError, lambda: learn.fit(1)) == expected


def test_lr_find_leaves_the_loss_scale(data: DataBunch) -> None:
    learn = Learner(data, nn.Linear(4, 2), precision="fp16")
    before = learn.precision.state_dict()
    learn.lr_find(steps=5, progress=False)
    assert learn.precision.state_dict() == before


def test_a_model_without_weights_is_told(data: DataBunch) -> None:
    learn = make(data, nn.Identity())
    assert told(ValueError, lambda: learn.fit(1, progress=False)) == (
        "the model has no parameters, so there is nothing to train; "
        "give Learner a model with at least one nn.Parameter."
    )


def test_the_data_is_not_changed(data: DataBunch) -> None:
    changed: Any = data
    with pytest.raises(AttributeError):
        changed.bs = 3
    assert isinstance(ImageSource, type)
    with contextlib.suppress(AttributeError):
        changed.seed = 1
    assert data.seed == 42


def test_a_torch_loader_may_be_predicted_and_validated(data: DataBunch) -> None:
    learn = make(data, metrics=accuracy)
    loader = DataLoader(TensorDataset(*make_arrays(18, seed=1)), batch_size=5)
    torch.testing.assert_close(learn.get_preds(loader).preds, learn.get_preds().preds)
    assert learn.validate(loader) == pytest.approx(learn.validate())
    assert learn.tta(loader, n=1).preds.shape == (18, 2)


def test_lbfgs_refuses_to_accumulate(data: DataBunch) -> None:
    learn = make(data, opt_func=torch.optim.LBFGS)
    assert told(ValueError, lambda: learn.fit(1, accumulate=2, progress=False)) == (
        "L-BFGS computes the loss of one batch again and again within a step, so it cannot "
        "accumulate over 2; leave accumulate out and take larger batches."
    )


def test_lr_find_says_when_the_curve_is_too_short_to_read(data: DataBunch) -> None:
    with pytest.warns(UserWarning, match="lr_find saw only") as caught:
        make(data).lr_find(start=1e3, end=1e9, steps=40, progress=False)
    found = re.sub(r"\d+", "N", str(caught[0].message))
    assert found == (
        "lr_find saw only N rates before the loss diverged, too few to suggest one. Start lower, "
        "or sweep before training rather than after."
    )
