"""A training loss that is no number: the weights are those before it, and all is said."""

import functools
import math
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit import finite, step
from learnkit.callback import Callback
from learnkit.callbacks import GradientClip
from learnkit.data.bunch import DataBunch
from learnkit.errors import NonFiniteLossError
from learnkit.finite import FiniteGuard, can_be_held_back, check_nonfinite
from learnkit.history import History
from learnkit.learner import Learner
from learnkit.optim import adamw, sgd
from learnkit.state import State

N, SIZE = 20, 4  # samples, and samples a batch: five batches an epoch


pytestmark = pytest.mark.usefixtures("no_checks")


class Poisoned(nn.Module):
    """Counts its training batches; makes some of them NaN or infinite, running statistics too."""

    def __init__(self, *bad: int, value: float = math.nan) -> None:
        super().__init__()
        self.bad, self.value, self.count = bad, value, 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.count += 1
            if self.count - 1 in self.bad:
                return x * self.value
        return x


def net(poison: nn.Module) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(poison, nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))


def bunch() -> DataBunch:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(N + 6, 4, generator=drawn)
    y = (x.sum(1) > 0).long()
    return DataBunch.from_arrays(
        x[:N], y[:N], valid=(x[N:], y[N:]), classes=[0, 1], batch_size=SIZE
    )


def learner(poison: nn.Module, **options: Any) -> Learner:
    return Learner(bunch(), net(poison), device="cpu", precision="fp32", **options)


class Moments(Callback):
    """Keep all tensors of the model, and the optimizer's, as they are before each batch."""

    looks_on = True

    def __init__(self) -> None:
        self.seen: list[list[Tensor]] = []
        self.files: list[list[int]] = []

    def before_batch(self, state: State) -> None:
        if state.training:
            self.seen.append(everything(state.model, state.optimizer))
            self.files.append(state.indices.tolist())


def everything(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    kept = list(model.state_dict().values())
    for of_one in optimizer.state_dict()["state"].values():
        kept += [value for value in of_one.values() if isinstance(value, Tensor)]
    return [tensor.clone() for tensor in kept]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b) for a, b in zip(one, other, strict=True)
    )


def raised(learn: Learner, *args: Any, **options: Any) -> str:
    with pytest.raises(NonFiniteLossError) as caught:
        learn.fit(*args, progress=False, **options)
    return str(caught.value)


ADVICE = (
    " Try a lower learning rate (learn.lr_find() suggests one), callbacks=GradientClip(1.0) or "
    "precision='fp32', and check these samples; nonfinite='skip' leaves such batches out."
)


def said(
    word: str, *, epoch: int, batch: int, step: int, files: list[int], last: str, lr: str
) -> str:
    names = ", ".join(f"sample {i}" for i in files)
    return (
        f"the training loss became {word} in epoch {epoch}, batch {batch}, at learning rate {lr}."
        f"{last} The batch holds: {names}. The weights are those before this batch, and "
        f"learn.replay({step}) gives it as the model saw it.{ADVICE}"
    )


# ---------------------------------------------------------------- options


@pytest.mark.parametrize("value", ["stop", "skip", "rollback"])
def test_there_are_three_ways(value: str) -> None:
    check_nonfinite(value)


def test_another_way_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError) as caught:
        check_nonfinite("roll_back")
    assert str(caught.value) == (
        "nonfinite must be one of stop, skip, rollback; got 'roll_back'. Did you mean 'rollback'?"
    )


def test_only_fused_optimizers_can_be_held_back_on_the_device() -> None:
    weight = [nn.Parameter(torch.ones(1))]
    assert can_be_held_back(torch.optim.AdamW(weight, fused=True))
    assert can_be_held_back(torch.optim.SGD(weight, lr=0.1, fused=True))
    assert not can_be_held_back(torch.optim.AdamW(weight))
    assert not can_be_held_back(torch.optim.LBFGS(weight))


# ---------------------------------------------------------------- stop


@pytest.mark.parametrize("accumulate", [1, 2, 3])
@pytest.mark.parametrize("bad", range(7))
def test_weights_and_running_statistics_are_bit_for_bit_those_before_the_bad_batch(
    bad: int, accumulate: int
) -> None:
    """In every place of a group, in the first epoch and in the second."""
    moments = Moments()
    learn = learner(Poisoned(bad))
    raised(learn, 2, 0.05, accumulate=accumulate, callbacks=moments)
    assert len(moments.seen) == bad + 1
    assert same(moments.seen[-1], everything(learn.model, learn.optimizer))
    assert all(p.grad is None for p in learn.model.parameters())


@pytest.mark.parametrize(("value", "word"), [(math.nan, "nan"), (math.inf, "infinite")])
def test_the_message_says_all_that_is_known(value: float, word: str) -> None:
    class Infinite(nn.Module):
        count = 0

        def forward(self, preds: Tensor, y: Tensor) -> Tensor:
            self.count += preds.requires_grad
            loss = nn.functional.cross_entropy(preds, y)
            return loss * 0 + (value if self.count == 7 else 0.25)

    moments = Moments()
    learn = learner(nn.Identity(), loss_func=Infinite().forward)
    found = raised(learn, 2, 0.05, callbacks=moments, schedule=lambda at: 1.0)
    assert found == said(
        word,
        epoch=2,
        batch=2,
        step=6,
        files=moments.files[-1],
        last=" The last finite loss was 0.25.",
        lr="0.05",
    )


def test_a_hook_may_see_that_the_fit_fails_and_the_rows_before_it_stay() -> None:
    learn = learner(Poisoned(7))
    raised(learn, 3)
    assert len(learn.history) == 1
    assert len(learn.fit(1, progress=False)) == 1


def test_a_bad_validation_loss_is_no_error() -> None:
    class OnlyInEval(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if self.training else x * math.nan

    history = learner(OnlyInEval()).fit(1, progress=False)
    assert math.isnan(history[0]["valid_loss"])
    assert math.isfinite(history[0]["train_loss"])


# ---------------------------------------------------------------- skip


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("micro", ["auto", 2])
def test_a_skipped_batch_is_as_if_it_had_not_been(accumulate: int, micro: Any) -> None:
    """Against a fit in which a hook skips the same batches before the model sees them."""

    class SkipThem(Callback):
        def before_batch(self, state: State) -> None:
            if state.training and state.progress.batches_seen - 1 in (1, 6):
                raise step.SkipBatch

    bad = [1, 6] if micro == "auto" else [3, 13]  # the second part of these batches
    learn = learner(Poisoned(*bad), nonfinite="skip", micro_batch=micro)
    with pytest.warns(UserWarning, match="A batch is left out") as caught:
        found = learn.fit(2, 0.05, accumulate=accumulate, progress=False)
    assert len(caught) == 1
    other = learner(nn.Identity(), micro_batch=micro)
    expected = other.fit(2, 0.05, accumulate=accumulate, callbacks=SkipThem(), progress=False)
    for row, expected_row in zip(found, expected, strict=True):
        assert {**row, "seconds": 0} == {**expected_row, "seconds": 0}
    assert same(everything(learn.model, learn.optimizer), everything(other.model, other.optimizer))


def test_what_is_left_out_is_said_once_with_all_that_is_known() -> None:
    moments = Moments()
    learn = learner(Poisoned(0, 2, 3), nonfinite="skip")
    with pytest.warns(UserWarning, match="A batch is left out") as caught:
        learn.fit(1, 0.05, callbacks=moments, progress=False)
    message = said("nan", epoch=1, batch=1, step=0, files=moments.files[0], last="", lr="0.05")
    assert [str(w.message) for w in caught] == [
        f"A batch is left out, as is every other like it: {message}"
    ]


def test_the_guard_counts_what_it_left_out() -> None:
    state = State(nn.Linear(1, 1), optimizer=torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1))
    state.open_batch(None, torch.arange(1).numpy())  # type: ignore[arg-type]
    guard = FiniteGuard(state, skip=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in (1.0, math.nan, math.inf, 2.0):
            state.loss = torch.tensor(value)
            try:
                guard.check()
            except step.SkipBatch:
                assert not math.isfinite(value)
    assert guard.skipped == 2


def test_an_epoch_of_bad_batches_alone_has_no_loss_and_moves_nothing() -> None:
    learn = learner(Poisoned(*range(5)), nonfinite="skip")
    before = [p.detach().clone() for p in learn.model.parameters()]
    with pytest.warns(UserWarning, match="A batch is left out"):
        history = learn.fit(1, progress=False)
    assert math.isnan(history[0]["train_loss"])
    assert same(before, [p.detach() for p in learn.model.parameters()])


# ---------------------------------------------------------------- rollback


class Fragile(nn.Module):
    """A loss that is NaN at a step, for as long as the rate is above a limit."""

    def __init__(self, *steps: int, limit: float = math.inf) -> None:
        super().__init__()
        self.steps, self.limit = steps, limit
        self.lr, self.step = 0.0, 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.step in self.steps and self.lr > self.limit:
            return x * math.nan
        return x


class Telling(Callback):
    """Tell the model its rate and its step; note what was trained."""

    looks_on = True

    def __init__(self, fragile: Fragile) -> None:
        self.fragile = fragile
        self.rates: list[tuple[int, float]] = []

    def before_batch(self, state: State) -> None:
        group = state.optimizer.param_groups[-1]
        self.fragile.lr = group["initial_lr"]
        self.fragile.step = state.progress.batches_seen - 1

    def after_step(self, state: State) -> None:
        self.rates.append((state.progress.batches_seen - 1, round(state.lr, 6)))


def rolled(
    folder: Path, *steps: int, limit: float, every_steps: int | None = None, epochs: int = 2
) -> tuple[Learner, History, Telling, list[str]]:
    fragile = Fragile(*steps, limit=limit)
    telling = Telling(fragile)
    learn = learner(fragile, nonfinite="rollback", path=folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = learn.fit(
            epochs,
            0.08,
            schedule=lambda at: 1.0,
            callbacks=telling,
            checkpoint="run",
            every_steps=every_steps,
            progress=False,
        )
    return learn, history, telling, [str(w.message) for w in caught]


def test_a_rollback_goes_to_the_last_checkpoint_with_half_the_rate(
    tmp_path: Path, no_flushing: None
) -> None:
    """The bad batch is number 7; the last checkpoint is that of the first epoch's end, after 5."""
    _, history, telling, messages = rolled(tmp_path, 7, limit=0.05)
    assert telling.rates == [
        *((i, 0.08) for i in range(7)),
        *((i, 0.04) for i in range(5, 10)),
    ]
    assert len(history) == 2
    assert len(messages) == 1
    start = "Going back to step-00000005-epoch-001 with 0.5 of its learning rate: "
    assert messages[0].startswith(f"{start}the training loss became nan in epoch 2, batch 3, at ")


def test_it_goes_back_again_until_the_rate_is_low_enough(tmp_path: Path, no_flushing: None) -> None:
    _, _, telling, messages = rolled(tmp_path, 7, limit=0.015)
    assert [rate for number, rate in telling.rates if number == 5] == [0.08, 0.04, 0.02, 0.01]
    factors = [message.split(" of its")[0].split(" ")[-1] for message in messages]
    assert factors == ["0.5"] * 3  # of the checkpoint, which has the lower rate by then


def test_a_checkpoint_of_after_a_rollback_has_the_lower_rate_already(
    tmp_path: Path, no_flushing: None
) -> None:
    """Batch 7 is bad above 0.05, and batch 9, of after the next checkpoint, above 0.03."""
    fragile = Fragile(7, limit=0.05)

    class Later(Telling):
        def before_batch(self, state: State) -> None:
            super().before_batch(state)
            if state.progress.batches_seen - 1 == 9:
                fragile.steps, fragile.limit = (9,), 0.03

    telling = Later(fragile)
    learn = learner(fragile, nonfinite="rollback", path=tmp_path)
    with pytest.warns(UserWarning, match="Going back") as caught:
        learn.fit(
            2,
            0.08,
            schedule=lambda at: 1.0,
            callbacks=telling,
            checkpoint="run",
            every_steps=1,
            progress=False,
        )
    assert [str(w.message).split(": ")[0] for w in caught] == [
        "Going back to step-00000007 with 0.5 of its learning rate",
        "Going back to step-00000009 with 0.5 of its learning rate",
    ]
    assert telling.rates[-3:] == [(7, 0.04), (8, 0.04), (9, 0.02)]


def test_after_five_rollbacks_the_loss_counts_as_lost(tmp_path: Path, no_flushing: None) -> None:
    fragile = Fragile(7, limit=0.0)
    telling = Telling(fragile)
    learn = learner(fragile, nonfinite="rollback", path=tmp_path)
    with pytest.warns(UserWarning, match="Going back") as caught:
        raised(learn, 2, 0.08, callbacks=telling, checkpoint="run")
    factors = [str(w.message).split(" of its")[0].split(" ")[-1] for w in caught]
    assert factors == ["0.5"] * 5


def test_a_fit_that_was_rolled_back_ends_in_the_same_bits_each_time(
    tmp_path: Path, no_flushing: None
) -> None:
    runs = [rolled(tmp_path / name, 3, 7, limit=0.05, every_steps=2) for name in "ab"]
    assert same(*(everything(run[0].model, run[0].optimizer) for run in runs))
    assert runs[0][2].rates == runs[1][2].rates
    one, other = (
        [{k: v for k, v in row.items() if k != "seconds"} for row in run[1]] for run in runs
    )
    assert one == other


def test_a_rollback_needs_checkpoints() -> None:
    learn = learner(nn.Identity(), nonfinite="rollback")
    with pytest.raises(ValueError) as caught:
        learn.fit(1, progress=False)
    assert str(caught.value) == (
        "nonfinite='rollback' goes back to a checkpoint: fit(checkpoint='runs/x')."
    )


# ---------------------------------------------------------------- on a device


@pytest.fixture
def deferred(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look at losses as on a GPU: they stay where they are until the phase ends."""

    def guard(state: State, *, skip: bool, waits: bool) -> FiniteGuard:
        return FiniteGuard(state, skip=skip, waits=skip)

    monkeypatch.setattr(step, "FiniteGuard", guard)
    return iter(())


@pytest.mark.parametrize(
    "opt_func", [adamw, functools.partial(torch.optim.SGD, momentum=0.9, fused=True)]
)
@pytest.mark.parametrize("accumulate", [1, 2, 3])
@pytest.mark.parametrize("bad", range(7))
def test_on_a_device_nothing_moves_after_the_bad_batch_though_nobody_waited_for_it(
    deferred: None, bad: int, accumulate: int, opt_func: Any
) -> None:
    moments = Moments()
    learn = learner(Poisoned(bad), opt_func=opt_func)
    raised(learn, 2, 0.05, accumulate=accumulate, callbacks=moments)
    # the epoch was trained to its end, but for a first step, which an optimizer cannot hold back
    expected = 5 * (1 + bad // 5) if bad >= accumulate else accumulate
    assert len(moments.seen) == expected
    assert same(moments.seen[bad], everything(learn.model, learn.optimizer))
    assert not hasattr(learn.optimizer, "found_inf")  # it moves the weights again


def test_on_a_device_the_error_names_the_right_batch_at_the_end_of_the_phase(
    deferred: None,
) -> None:
    moments, losses = Moments(), []

    class Losses(Callback):
        def after_loss(self, state: State) -> None:
            losses.append(state.loss.item())

    learn = learner(Poisoned(6))
    found = raised(learn, 2, 0.05, callbacks=[moments, Losses()], schedule=lambda at: 1 - at)
    batches = [loss for i, loss in enumerate(losses) if i not in (5, 6)]  # two of validation
    assert found == said(
        "nan or infinite",
        epoch=2,
        batch=2,
        step=6,
        files=moments.files[6],
        last=f" The last finite loss was {batches[5]:.4g}.",
        lr="0.025",  # of the step before it, as everywhere
    )


def test_on_a_device_the_question_is_asked_once_in_so_many_batches(
    deferred: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finite, "CHECK_EVERY", 3)
    moments = Moments()
    learn = learner(Poisoned(1))
    found = raised(learn, 2, 0.05, callbacks=moments)
    assert len(moments.seen) == 3
    assert "in epoch 1, batch 2, at" in found
    model = len(learn.model.state_dict())
    assert same(moments.seen[1][:model], list(learn.model.state_dict().values()))


def test_on_a_device_losses_that_are_asked_about_between_are_forgotten(
    deferred: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finite, "CHECK_EVERY", 2)
    found = raised(learner(Poisoned(8)), 2, 0.05)
    assert "in epoch 2, batch 4, at" in found
    assert "learn.replay(8)" in found


def test_on_a_device_a_fit_without_bad_losses_has_the_same_bits(
    deferred: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = learner(nn.Identity())
    learn.fit(2, 0.05, progress=False)
    monkeypatch.undo()
    other = learner(nn.Identity())
    other.fit(2, 0.05, progress=False)
    assert same(everything(learn.model, learn.optimizer), everything(other.model, other.optimizer))


def test_on_a_device_no_checkpoint_is_written_after_a_bad_batch(
    deferred: None, no_flushing: None, tmp_path: Path
) -> None:
    learn = learner(Poisoned(2), path=tmp_path)
    raised(learn, 1, checkpoint="run", every_steps=1)
    names = sorted(entry.name for entry in (tmp_path / "run").glob("step-*"))
    assert names == ["step-00000000-start", "step-00000001", "step-00000002"]


def test_on_a_device_a_rollback_ends_as_on_the_host(
    deferred: None, no_flushing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = rolled(tmp_path / "device", 7, limit=0.05)
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    other = rolled(tmp_path / "host", 7, limit=0.05)
    assert same(*(everything(run[0].model, run[0].optimizer) for run in (one, other)))


def test_on_a_device_the_replay_after_the_error_has_the_weights_of_the_bad_batch(
    deferred: None,
) -> None:
    learn = learner(Poisoned(1))
    raised(learn, 1)
    learn.model[0].bad = ()  # type: ignore[index, union-attr]
    replay = learn.replay(1)
    assert replay.gradients


def _chosen(optimizer: Callable[..., Any], precision: str, device: str) -> bool:
    """Return whether the guard of such a fit waits for each loss."""
    model = nn.Linear(4, 2)
    state = State(model, device=torch.device(device), optimizer=optimizer(model.parameters()))
    learn = Learner(bunch(), model, device="cpu", precision=precision)  # type: ignore[arg-type]
    parts = learn._parts(state)
    guard = step._guard(parts)
    assert guard is not None
    return guard._waits


@pytest.mark.parametrize(
    ("optimizer", "precision", "device", "waits"),
    [
        (functools.partial(torch.optim.AdamW, fused=True), "fp32", "cuda", False),
        (functools.partial(torch.optim.AdamW, fused=True), "bf16", "cuda", False),
        (functools.partial(torch.optim.AdamW, fused=True), "fp32", "cpu", True),
        (functools.partial(torch.optim.AdamW, fused=True), "fp16", "cuda", True),
        (torch.optim.AdamW, "fp32", "cuda", True),
        (torch.optim.LBFGS, "fp32", "cuda", True),
    ],
)
def test_losses_stay_on_the_device_only_where_the_weights_can_be_held_there(
    optimizer: Any, precision: str, device: str, waits: bool
) -> None:
    assert _chosen(optimizer, precision, device) is waits


# ---------------------------------------------------------------- fp16


def test_a_step_that_the_loss_scaler_skips_is_no_error() -> None:
    """A gradient that overflows, at a finite loss: the scale falls, and the fit goes on."""

    class Steep(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Any:
            return gradients[0] * 1e38

    class Layer(nn.Module):
        count = 0

        def forward(self, x: Tensor) -> Tensor:
            self.count += self.training
            return Steep.apply(x) if self.count == 2 else x  # type: ignore[no-any-return]

    drawn = net(nn.Identity())
    model = nn.Sequential(drawn[1], Layer(), drawn[3])  # type: ignore[index]
    learn = Learner(bunch(), model, device="cpu", precision="fp16", opt_func=sgd)
    before = learn.precision.state_dict()["scale"]
    history = learn.fit(1, 0.05, callbacks=GradientClip(1.0), progress=False)
    assert math.isfinite(history[0]["train_loss"])
    assert learn.precision.state_dict()["scale"] == before / 2
    assert len(learn.recorder.losses) == 4
    assert all(torch.isfinite(p).all() for p in learn.model.parameters())
