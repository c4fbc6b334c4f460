"""Distillation: Hinton's loss, a teacher that is left as it was, and one that is another."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit.callback import Callback
from learnkit.callbacks.batches.distillation import Distillation
from learnkit.callbacks.batches.mixing import MixUp
from learnkit.errors import CheckpointError, ModelError
from learnkit.state import Phase, State
from learnkit.testing import tiny_learner
from learnkit.types import Batch


def teacher(width: int = 2, seed: int = 0) -> nn.Module:
    """With dropout, which must be off, and norms, which must not learn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, width))


def at_a_loss(phase: Phase = Phase.TRAIN, **options: Any) -> State:
    """A loss of 0.7, logits (2, 2) of a model."""
    state = State(nn.Linear(4, 2), **options)
    state.open_phase(phase, batches=1)
    state.batch = Batch(torch.arange(8.0).reshape(2, 4), torch.tensor([0, 1]))
    state.preds = torch.tensor([[1.0, -1.0], [0.5, 2.0]], requires_grad=True)
    state.loss = torch.tensor(0.7)
    return state


class Fixed(nn.Module):
    """A teacher that always says the same."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits


def test_the_loss_is_that_of_the_paper() -> None:
    """By hand: p of the teacher and q of the model at temperature 4; KL summed, then a mean."""
    state, logits = at_a_loss(), torch.tensor([[3.0, 0.0], [-2.0, 1.0]])
    Distillation(Fixed(logits), temperature=4.0, weight=0.25).after_loss(state)
    divergence = 0.0
    for ours, theirs in zip(state.preds.tolist(), logits.tolist(), strict=True):
        p, q = ([math.exp(v / 4) for v in row] for row in (theirs, ours))
        p, q = [v / sum(p) for v in p], [v / sum(q) for v in q]
        divergence += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / 2
    assert state.loss.item() == pytest.approx(0.75 * 0.7 + 0.25 * 16 * divergence, rel=1e-6)


def test_only_the_model_gets_gradients() -> None:
    state, fixed = at_a_loss(), Fixed(torch.tensor([[3.0, 0.0], [-2.0, 1.0]]))
    Distillation(fixed).after_loss(state)
    state.loss.backward()
    assert state.preds.grad is not None
    assert fixed.logits.grad is None
    assert fixed.logits.requires_grad


def test_the_teacher_itself_costs_nothing() -> None:
    state = at_a_loss()
    Distillation(Fixed(state.preds.detach()), weight=1.0).after_loss(state)
    assert state.loss.item() == pytest.approx(0.0, abs=1e-7)


def test_validation_has_the_loss_alone() -> None:
    state = at_a_loss(Phase.VALID)
    Distillation(teacher()).after_loss(state)
    assert state.loss.item() == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_the_teacher_computes_in_the_precision_of_the_model(
    precision: str, dtype: torch.dtype
) -> None:
    seen: list[torch.dtype] = []
    one = nn.Linear(4, 2)
    one.register_forward_hook(lambda module, given, result: seen.append(result.dtype))
    state = at_a_loss(precision=precision)
    Distillation(one).after_loss(state)
    assert seen == [dtype]
    assert state.loss.dtype == torch.float32


def test_a_teacher_is_left_as_it_was() -> None:
    one = teacher().train()
    one[1].eval()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    modes: list[bool] = []
    one.register_forward_hook(lambda module, given, result: modes.append(module.training))
    tiny_learner().fit(1, callbacks=Distillation(one), progress=False)
    assert modes == [False] * 4
    assert [module.training for module in one] == [True, False, True]
    assert all(p.requires_grad and p.grad is None for p in one.parameters())
    for name, value in one.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_teacher_sees_the_mixed_batch() -> None:
    given: list[Tensor] = []
    one = teacher()
    one.register_forward_hook(lambda module, x, result: given.append(x[0]))

    class Batches(Callback):
        def before_step(self, state: State) -> None:
            assert given[-1] is state.batch.x

    tiny_learner().fit(1, callbacks=[Distillation(one), MixUp(1.0), Batches()], progress=False)
    assert len(given) == 4


def test_the_model_comes_nearer_to_the_teacher() -> None:
    def apart(weight: float) -> float:
        learn, one = tiny_learner(), teacher()
        learn.fit(10, 0.05, callbacks=Distillation(one, weight=weight), progress=False)
        x = next(iter(learn.data.train_dl)).x
        with torch.no_grad():
            ours, theirs = (m.eval()(x).softmax(1) for m in (learn.model, one))
        return float((ours - theirs).abs().mean())

    assert apart(1.0) < 0.5 * apart(0.0)


def test_a_fit_goes_on_with_the_same_teacher_only(tmp_path: Path) -> None:
    class End(Callback):
        looks_on = True

        def before_epoch(self, state: State) -> None:
            if state.progress.epochs_done:
                raise KeyError("end")

    def fit(seed: int, *more: Callback) -> None:
        learn = tiny_learner()
        given = [Distillation(teacher(seed=seed)), *more]
        learn.fit(2, callbacks=given, checkpoint=tmp_path / "run", progress=False)

    with pytest.raises(KeyError):
        fit(0, End())
    with pytest.raises(CheckpointError) as caught:
        fit(1)
    there, here = (Distillation(teacher(seed=s)).state_dict()["teacher"][:12] for s in (0, 1))
    assert str(caught.value) == (
        f"this fit was with another teacher: SHA-256 {there}... there, {here}... here. Give "
        "Distillation the same one, or begin another fit."
    )
    fit(0)


@pytest.mark.parametrize("width", [3, 1])
def test_a_teacher_of_other_classes_is_refused(width: int) -> None:
    with pytest.raises(ModelError) as caught:
        tiny_learner().fit(1, callbacks=Distillation(teacher(width)), progress=False)
    assert str(caught.value) == (
        f"Distillation: the teacher gives (4, {width}) and the model (4, 2); both must be logits "
        "(B, K) of the same K classes, at least 2."
    )


def test_a_teacher_of_another_x_is_named() -> None:
    one = nn.Linear(5, 2)
    with pytest.raises(RuntimeError) as caught:
        tiny_learner().fit(1, callbacks=Distillation(one), progress=False)
    assert caught.value.__notes__ == ["This is Distillation's teacher, given x (4, 4)."]


def test_the_model_itself_is_no_teacher() -> None:
    learn = tiny_learner()
    with pytest.raises(ModelError) as caught:
        learn.fit(1, callbacks=Distillation(nn.Sequential(learn.model)), progress=False)
    assert str(caught.value) == (
        "Distillation: the teacher has weights that are the model's own, so it would change as the "
        "model learns. Give a copy: copy.deepcopy(learn.model)."
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Distillation("resnet34"),  # type: ignore[arg-type]
            "Distillation() takes an nn.Module as teacher, found str.",
        ),
        (
            lambda: Distillation(tiny_learner()),  # type: ignore[arg-type]
            "Distillation() takes an nn.Module as teacher, found Learner. Give its .model.",
        ),
        (
            lambda: Distillation(teacher(), temperature=0),
            "Distillation(): temperature must be a number above 0, found 0.",
        ),
        (
            lambda: Distillation(teacher(), weight=1.5),
            "Distillation(): weight must be in [0, 1], found 1.5.",
        ),
    ],
)
def test_options_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert str(caught.value) == message
