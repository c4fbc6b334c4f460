"""Which task a learner takes, and that every task goes the same way from fit to prediction."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from learnkit import models
from learnkit.data.bunch import DataBunch
from learnkit.errors import ExportError, ModelError
from learnkit.inference import load_learner
from learnkit.learner import Learner
from learnkit.losses import binary_cross_entropy_of_logits
from learnkit.tasks import Classification, MultiLabel, Regression

X = torch.randn(24, 4, generator=torch.Generator().manual_seed(3))
LABELS = [0, 1, 2] * 8
MANY = torch.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 0], 1)


def learner(y: object, width: int = 3, **options: object) -> Learner:
    data = DataBunch.from_arrays(X, y, bs=8, classes=options.pop("classes", None))  # type: ignore[arg-type]
    return Learner(data, models.mlp(4, width), device="cpu", **options)  # type: ignore[arg-type]


def test_whole_numbers_and_names_are_classes() -> None:
    for y in (LABELS, ["a", "b", "c"] * 8):
        learn = learner(y)
        assert isinstance(learn.task, Classification)
        assert learn.task.loss_func is functional.cross_entropy
        assert learn.task.classes == learn.data.classes


def test_booleans_side_by_side_are_several_labels() -> None:
    learn = learner(MANY, classes=["p", "q", "r"])
    assert learn.task == MultiLabel(binary_cross_entropy_of_logits, ("p", "q", "r"))
    assert learner(MANY).task == MultiLabel(binary_cross_entropy_of_logits)


def test_real_numbers_are_values() -> None:
    assert learner(X[:, :3]).task == Regression(functional.mse_loss)


def test_a_loss_that_is_given_stays() -> None:
    assert learner(X[:, :3], loss_func=functional.l1_loss).task == Regression(functional.l1_loss)


def test_a_task_that_is_given_is_taken_with_the_loss_that_is_given() -> None:
    task = MultiLabel(binary_cross_entropy_of_logits, ("p", "q", "r"), 0.9)
    assert learner(MANY, task=task).task is task
    both = learner(MANY, task=task, loss_func=functional.mse_loss).task
    assert both == MultiLabel(functional.mse_loss, ("p", "q", "r"), 0.9)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            Classification,
            "task must be a Task, such as Classification(loss); got Classification: pass "
            "Classification(...).",
        ),
        (
            "classes",
            "task must be a Task, such as Classification(loss); got str: it lacks turn.",
        ),
    ],
)
def test_what_is_no_task_is_refused(task: object, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        learner(LABELS, task=task)
    assert str(caught.value) == message


class OwnLoss:
    """A task that is no dataclass: it computes its own loss."""

    def __init__(self) -> None:
        self.inner = Regression(functional.mse_loss)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_a_task_with_a_loss_of_its_own_takes_no_other() -> None:
    with pytest.raises(TypeError) as caught:
        learner(X[:, :3], task=OwnLoss(), loss_func=functional.l1_loss)
    assert str(caught.value) == (
        "OwnLoss computes its own loss: leave loss_func= out, or give another task=."
    )


@pytest.mark.parametrize(
    ("y", "metrics"), [(LABELS, "accuracy"), (MANY, ()), (X[:, :3].contiguous(), ())]
)
def test_an_export_answers_as_the_learner_does(y: object, metrics: object, tmp_path: Path) -> None:
    learn = learner(y, metrics=metrics)
    learn.fit(1, progress=False)
    loaded = load_learner(learn.export(tmp_path / "model"), device="cpu")
    for row in X[:4]:
        ours, theirs = learn.predict(row), loaded.predict(row)
        assert str(ours) == str(theirs)
        assert torch.equal(ours.probabilities, theirs.probabilities)
        assert type(loaded.card.reader) is type(learn.task)


class Halves(Regression):
    """Trains one half of a model in even batches, the other in odd ones."""

    def turn(self, step: int) -> "Halves":  # type: ignore[override]
        return Half(self.loss_func, (), (), step % 2)  # type: ignore[return-value]


class Half(Regression):
    """One of the turns; a field of its own would need a dataclass."""

    def __init__(self, loss: object, classes: object, names: object, place: int) -> None:
        super().__init__(loss)  # type: ignore[arg-type]
        object.__setattr__(self, "place", place)

    def forward(self, model: nn.Module, batch):  # type: ignore[no-untyped-def]
        return model[self.place](batch.x)  # type: ignore[index, attr-defined]


class Pair(nn.Module):
    """Two layers, each of which is asked alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 3), nn.Linear(4, 3)])

    def __getitem__(self, place: int) -> nn.Module:
        return self.layers[place]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers[0](x)  # type: ignore[no-any-return]


def test_batches_may_take_turns_at_parts_of_a_model() -> None:
    data = DataBunch.from_arrays(X, X[:, :3].contiguous(), bs=10, valid=(X, X[:, :3].contiguous()))
    model = Pair()
    before = [layer.weight.clone() for layer in model.layers]  # type: ignore[operator]
    learn = Learner(
        data, model, task=Halves(functional.mse_loss), device="cpu", mute="zero_gradient"
    )
    from learnkit.callbacks import MaxSteps

    learn.fit(1, 0.1, progress=False, callbacks=[MaxSteps(1)])
    changed = [not torch.equal(a, b.weight) for a, b in zip(before, model.layers, strict=True)]
    assert changed == [True, False]
    learn.fit(1, 0.1, progress=False, callbacks=[MaxSteps(1)])  # batches go on being counted
    changed = [not torch.equal(a, b.weight) for a, b in zip(before, model.layers, strict=True)]
    assert changed == [True, True]


def test_the_check_of_several_labels_names_both_widths() -> None:
    with pytest.raises(ModelError, match=r"the data has 3 labels; it must be \(B, 3\)"):
        learner(MANY, 5, classes=["p", "q", "r"]).fit(1, progress=False)


def test_no_script_is_written_of_a_task_that_computes_otherwise(tmp_path: Path) -> None:
    learn = learner(X[:, :3].contiguous(), task=Half(functional.mse_loss, (), (), 0))
    with pytest.raises(ExportError) as caught:
        learn.eject(tmp_path / "fit.py")
    assert str(caught.value) == (
        "A plain script cannot be written of this learner: its task is Half, and scripts are of "
        "loss_func(model(x), y) alone. Keep the model by learn.export()."
    )
