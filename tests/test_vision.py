"""cnn_learner: a backbone, a new head, and a frozen body that costs no backward pass."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit import models, vision
from learnkit.callback import Callback
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import MetricError, ModelError
from learnkit.inference import load_learner
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.backbone import Backbone, BackboneSource, Inputs
from learnkit.state import State
from learnkit.tasks.segmentation import Segmentation
from learnkit.vision import cnn_learner


@dataclass(frozen=True)
class TinySource(BackboneSource):
    """Two convolutions with norms; its weights are the numbers of seed 3."""

    def build(self, weights: str | None) -> nn.Module:
        def make() -> nn.Module:
            return nn.Sequential(
                nn.Conv2d(3, 4, 3, stride=2, bias=False),
                nn.BatchNorm2d(4),
                nn.ReLU(),
                nn.Conv2d(4, 6, 3, stride=2, bias=False),
                nn.BatchNorm2d(6),
                nn.ReLU(),
            )

        if weights is None:
            return make()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return make()

    def tags(self) -> tuple[str, ...]:
        return ("tiny-v1",)

    def inputs(self) -> Inputs:
        return Inputs(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), size=24)


TINY = Backbone("tiny", TinySource())


@pytest.fixture
def data(photo_folder: Path) -> ImageDataBunch:
    return ImageDataBunch.from_folder(photo_folder, size=24, batch_size=6)


def make(data: DataBunch, **options: Any) -> Learner:
    options.setdefault("metrics", accuracy)
    return cnn_learner(data, TINY, device="cpu", **options)


def told(error: type[BaseException], call: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def body_of(learn: Learner) -> nn.Sequential:
    body = learn.model.body
    assert isinstance(body, nn.Sequential)
    return body


class Looking(Callback):
    """See how the body ran, and which gradients there are when the weights move."""

    def __init__(self) -> None:
        self.modes: set[tuple[str, bool]] = set()
        self.graph: set[bool] = set()
        self.with_gradient: set[str] = set()

    def before_fit(self, state: State) -> None:
        def look(module: nn.Module, args: Any, out: Tensor) -> None:
            if state.training:
                self.graph.add(out.requires_grad)

        self.handle = state.model.body.register_forward_hook(look)  # type: ignore[operator, union-attr]

    def before_step(self, state: State) -> None:
        self.modes |= {(name, module.training) for name, module in state.model.named_modules()}
        self.with_gradient |= {n for n, p in state.model.named_parameters() if p.grad is not None}

    def after_fit(self, state: State) -> None:
        self.handle.remove()


def test_pretrained_photos_are_learned_in_five_lines(data: ImageDataBunch) -> None:
    learn = make(data)
    assert learn.fit(6, 0.02, progress=False)[-1]["accuracy"] == 1.0


def test_a_frozen_body_runs_in_eval_mode_and_without_a_graph(data: ImageDataBunch) -> None:
    learn, looking = make(data), Looking()
    before = {k: v.clone() for k, v in learn.model.state_dict().items()}
    learn.fit(1, callbacks=looking, progress=False)
    assert looking.graph == {False}
    body_modes = {on for name, on in looking.modes if name == "body" or name.startswith("body.")}
    head_modes = {on for name, on in looking.modes if name.startswith("head")}
    assert (body_modes, head_modes) == ({False}, {True})
    assert all(name.startswith("head.") for name in looking.with_gradient)
    after = learn.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("head.") for name in moved)


def test_train_bn_trains_the_norms_of_a_frozen_body_as_fastai_does(data: ImageDataBunch) -> None:
    learn, looking = make(data, train_bn=True), Looking()
    before = {k: v.clone() for k, v in body_of(learn).state_dict().items()}
    learn.fit(1, callbacks=looking, progress=False)
    assert looking.graph == {True}
    in_body = {name for name in looking.with_gradient if name.startswith("body.")}
    assert in_body == {"body.1.weight", "body.1.bias", "body.4.weight", "body.4.bias"}
    moved = {k for k, v in body_of(learn).state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {
        f"{norm}.{part}"
        for norm in (1, 4)
        for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    assert ("body.1", True) in looking.modes


NORMS = {f"body.{norm}.{part}" for norm in (1, 4) for part in ("weight", "bias")}


def test_an_unfrozen_pretrained_body_keeps_its_norms_as_they_came(data: ImageDataBunch) -> None:
    learn, looking = make(data).unfreeze(), Looking()
    learn.fit(1, callbacks=looking, progress=False)
    names = {name for name, _ in learn.model.named_parameters()}
    assert looking.with_gradient == names - NORMS
    assert {name for name, on in looking.modes if not on} == {"body.1", "body.4"}


@pytest.mark.parametrize("options", [{"train_bn": True}, {"weights": None}])
def test_an_unfrozen_body_trains_whole(data: ImageDataBunch, options: dict[str, Any]) -> None:
    learn, looking = make(data, **options).unfreeze(), Looking()
    learn.fit(1, callbacks=looking, progress=False)
    names = {name for name, _ in learn.model.named_parameters()}
    assert looking.with_gradient == names
    assert {on for _, on in looking.modes} == {True}


def test_a_pretrained_body_starts_frozen_and_a_random_one_does_not(data: ImageDataBunch) -> None:
    def trains(learn: Learner) -> list[bool]:
        return [all(p.requires_grad for p in group) for group in learn.layer_groups]

    assert trains(make(data)) == [False, False, True]
    assert trains(make(data, weights="tiny-v1")) == [False, False, True]
    assert trains(make(data, weights=None)) == [True, True, True]


def test_photos_are_normalised_by_the_backbones_own_numbers(data: ImageDataBunch) -> None:
    learn = make(data)
    assert learn.normalize is not None
    assert (learn.normalize.mean, learn.normalize.std) == ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    assert make(data, normalize=False).normalize is None
    seen: list[Tensor] = []

    class See(Callback):
        def before_batch(self, state: State) -> None:
            if not state.training:
                seen.append(state.batch.x)

    learn.fit(1, callbacks=See(), progress=False)
    assert data.valid_dl is not None
    raw = next(iter(data.valid_dl)).x.float() / 255
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
    expected = (raw - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(seen[0], expected)


def test_data_serves_two_learners_unchanged(data: ImageDataBunch) -> None:
    before = (data.batch_tfms, data.loss_func, data.size)
    make(data)
    make(data)
    assert (data.batch_tfms, data.loss_func, data.size) == before


def test_the_seed_decides_the_first_weights_and_the_caller_nothing(data: ImageDataBunch) -> None:
    def first(caller: int, **options: Any) -> list[Tensor]:
        torch.manual_seed(caller)
        return list(make(data, weights=None, **options).model.state_dict().values())

    one, again, other = first(1), first(2), first(1, seed=7)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_making_a_learner_draws_nothing_from_the_callers_generator(data: ImageDataBunch) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make(data, weights=None)
    assert torch.equal(torch.rand(3), expected)


def test_a_head_of_ones_own_is_taken(data: ImageDataBunch) -> None:
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    learn = make(data, head=head)
    assert learn.model.head is head
    learn.fit(1, progress=False)


def test_a_plain_head_and_its_dropout(data: ImageDataBunch) -> None:
    learn = make(data, head="plain", dropout=0.3)
    found = [m.p for m in learn.model.modules() if isinstance(m, nn.Dropout)]
    assert found == [0.3]


def test_fine_tune_works_on_what_it_gives(data: ImageDataBunch) -> None:
    learn = make(data)
    assert len(learn.fine_tune(1, progress=False)) == 2
    frozen = {name for name, p in learn.model.named_parameters() if not p.requires_grad}
    assert frozen == NORMS


def test_an_export_of_a_backbone_of_ones_own_needs_its_builder(
    data: ImageDataBunch, tmp_path: Path
) -> None:
    learn = make(data, path=tmp_path)
    folder = learn.export("out")

    def rebuild() -> nn.Module:
        return make(data, weights=None).model

    loaded = load_learner(folder, builder=rebuild, device="cpu")
    answers = loaded.predict_folder(Path(str(data.train_dl.describe(0))).parents[2] / "valid")
    found = torch.stack([answer.probabilities for answer in answers.values()])
    torch.testing.assert_close(found, learn.get_preds().preds, rtol=0, atol=1e-6)


def test_a_known_backbone_loads_without_a_builder(data: ImageDataBunch, tmp_path: Path) -> None:
    learn = cnn_learner(data, vision.models.resnet18, weights=None, device="cpu")
    loaded = load_learner(learn.export(tmp_path / "out"), device="cpu")
    for name, value in learn.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value)


# ---------------------------------------------------------------- what it refuses


def test_what_is_no_data_is_refused(photo_folder: Path) -> None:
    wrong: Any = str(photo_folder)
    assert told(TypeError, lambda: cnn_learner(wrong, TINY)) == (
        "cnn_learner's data must be an ImageDataBunch; got str. Make one: "
        "ImageDataBunch.from_folder(path)."
    )


def test_data_of_one_class_is_refused(data: ImageDataBunch) -> None:
    one = replace(data, classes=("red",))
    assert told(ModelError, lambda: cnn_learner(one, TINY)) == (
        "cnn_learner needs data with at least two classes; this has 1."
    )


def test_values_must_be_a_row_for_each_photo() -> None:
    values = DataBunch.from_arrays(torch.zeros(8, 3, 4, 4), torch.zeros(8), batch_size=2)
    assert told(ModelError, lambda: cnn_learner(values, TINY)) == (
        "cnn_learner needs targets (B, K), a row for each photo; found (2,). Of one value each "
        "make a column: y[:, None]."
    )


def test_a_range_is_for_values_only(data: ImageDataBunch) -> None:
    assert told(ModelError, lambda: cnn_learner(data, TINY, y_range=(0, 1))) == (
        "y_range=(0, 1) is for values, but this data has 3 classes. Leave it out."
    )


SMALL: dict[str, Any] = {"size": 24, "batch_size": 6, "num_workers": 0}
EACH: dict[str, tuple[Callable[[int], object], dict[str, Any], list[str]]] = {
    "multilabel": (lambda n: ["dark", "red"][: n % 3], {}, ["multilabel_accuracy"]),
    "regression": (lambda n: [n / 10, 1.0], {"y_range": (-1, 3)}, ["mse", "mae", "rmse"]),
    "points": (lambda n: [[10.0, 4.0 + n], [3.0, 7.0]], {"y_range": (-1.2, 1.2)}, ["mae"]),
}


@pytest.mark.parametrize("task", EACH)
def test_every_task_of_photos_trains_predicts_and_comes_back_from_its_export(
    task: Any, photo_folder: Path, tmp_path: Path, no_checks: None
) -> None:
    files = sorted(photo_folder.rglob("*.jpg"))
    target, options, metrics = EACH[task]
    targets = [target(number) for number in range(len(files))]
    data = ImageDataBunch.from_lists(photo_folder, files, targets, task=task, **SMALL)
    learn = cnn_learner(
        data, models.resnet18, weights=None, metrics=metrics, device="cpu", **options
    )
    assert learn.task.kind == task
    learn.fit(1, progress=False)
    assert set(metrics) < set(learn.history[-1])
    own = learn.predict(files[0])
    again = load_learner(learn.export(tmp_path / "model"), device="cpu").predict(files[0])
    assert torch.equal(own.probabilities, again.probabilities)
    assert str(own) == str(again)
    if task == "multilabel":
        held = tuple(n for n, p in zip(data.classes, own.probabilities, strict=True) if p > 0.5)
        assert own.value == again.value == held
        return
    assert torch.equal(own.value, again.value)
    low, high = options["y_range"]
    assert low <= float(own.value.min())
    assert float(own.value.max()) <= high


def test_an_example_of_each_result_is_drawn(photo_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    files = sorted(photo_folder.rglob("*.jpg"))
    for task, (target, options, _) in EACH.items():
        targets = [target(number) for number in range(len(files))]
        wanted: Any = task
        data = ImageDataBunch.from_lists(photo_folder, files, targets, task=wanted, **SMALL)
        learn = make(data, weights=None, metrics=(), **options)
        learn.show_results(n=2, path=tmp_path / f"{task}.png")
        assert (tmp_path / f"{task}.png").stat().st_size > 1000


def test_segmentation_needs_another_model(data: ImageDataBunch) -> None:
    masks = replace(data, task=Segmentation(nn.CrossEntropyLoss(), data.classes))
    assert told(ModelError, lambda: cnn_learner(masks, TINY)) == (
        "cnn_learner answers with one row of numbers for each photo; segmentation needs another "
        "model: unet_learner(data, backbone)."
    )


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        (
            {"metric": accuracy},
            TypeError,
            "cnn_learner() has no argument 'metric'. Did you mean 'metrics'?",
        ),
        (
            {"batch_size": 8},
            TypeError,
            "cnn_learner() has no argument 'batch_size'. It takes: data, backbone, weights, "
            "metrics, loss_func, opt_func, head, dropout, y_range, normalize, train_bn, "
            "compile, nonfinite, micro_batch, mute, callbacks, cbs, precision, device, path, seed.",
        ),
        (
            {"head": "fastia"},
            ModelError,
            'head must be "fastai", "plain" or a module; found \'fastia\'. '
            "Did you mean 'fastai'?",
        ),
    ],
)
def test_a_wrong_option_is_refused(
    data: ImageDataBunch, options: dict[str, Any], error: type[BaseException], expected: str
) -> None:
    wrong: Any = cnn_learner
    assert told(error, lambda: wrong(data, TINY, **options)) == expected


def test_metrics_may_be_named(data: ImageDataBunch) -> None:
    assert [metric.name for metric in make(data, metrics=["accuracy", "error_rate"]).metrics] == [
        "accuracy",
        "error_rate",
    ]


def test_a_misspelt_metric_is_refused_before_training(data: ImageDataBunch) -> None:
    message = told(MetricError, lambda: make(data, metrics="acuracy"))
    assert message == "metrics: there is no metric 'acuracy'. Did you mean 'accuracy'?"


def test_a_function_in_the_place_of_a_backbone_is_refused(data: ImageDataBunch) -> None:
    wrong: Any = len
    assert told(ModelError, lambda: cnn_learner(data, wrong)) == (
        "A backbone is a value such as models.resnet34 or models.timm(NAME); found "
        "<built-in function len>."
    )
