"""What the loop does for hooks that ask: groups, limits, a phase's end, a validation, once more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit.callback import HOOKS, Callback
from learnkit.data.bunch import DataBunch
from learnkit.errors import StateError
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.state import Phase, State

DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(26, 4, generator=DRAWN)
Y = (X.sum(1) > 0).long()


def bunch(*, batch_size: int = 4) -> DataBunch:
    return DataBunch.from_arrays(X, Y, batch_size=batch_size, valid_pct=0.25)


class Double(nn.Module):
    """Computes in float64 what loaders give in float32."""

    def forward(self, x: Tensor) -> Tensor:
        return x.double()


def net(*, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2)
        )


def make(**options: Any) -> Learner:
    options.setdefault("precision", "fp32")
    data, model = options.pop("data", None) or bunch(), options.pop("model", None) or net()
    return Learner(data, model, metrics=accuracy, device="cpu", **options)


Act = Callable[[State], object]


def acting(hook: str, act: Act, **more: Act) -> Callback:
    """Return a callback that runs these functions of the state."""
    callback = Callback()
    for name, function in {hook: act, **more}.items():
        setattr(callback, name, function)
    return callback


class Counting(Callback):
    """Counts batches and steps of each phase."""

    def __init__(self) -> None:
        self.batches = {Phase.TRAIN: 0, Phase.VALID: 0}
        self.sizes: list[int] = []
        self.steps = 0

    def after_batch(self, state: State) -> None:
        self.batches[state.phase] += 1
        if state.training:
            self.sizes.append(len(state.indices))

    def after_step(self, state: State) -> None:
        self.steps += 1


def weights(learn: Learner) -> list[Tensor]:
    return [value.clone() for value in learn.model.state_dict().values()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def told(error: type[BaseException], call: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


# ---------------------------------------------------------------- accumulate_over


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_accumulate_over_in_a_hook_is_accumulate_of_fit(n: int) -> None:
    one, other = make(), make()
    one.fit(2, 0.05, accumulate=n, progress=False)
    seen: list[int] = []
    callback = acting(
        "before_fit",
        lambda state: state.accumulate_over(n),
        before_epoch=lambda state: seen.append(state.progress.steps_planned),
    )
    other.fit(2, 0.05, callbacks=callback, progress=False)
    assert same(weights(one), weights(other))
    assert seen == [2 * -(-5 // n)] * 2


def test_groups_may_change_between_epochs_and_the_plan_follows() -> None:
    counting, planned = Counting(), []

    def grow(state: State) -> None:
        state.accumulate_over(1 + state.progress.epochs_done)
        planned.append(state.progress.steps_planned)

    make().fit(3, callbacks=[acting("before_epoch", grow), counting], progress=False)
    assert counting.steps == 5 + 3 + 2
    assert planned == [15, 5 + 2 * 3, 5 + 3 + 2]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True])
def test_accumulate_over_wants_a_whole_number(wrong: Any) -> None:
    message = told(ValueError, lambda: State(nn.Identity()).accumulate_over(wrong))
    assert message == (
        "accumulate_over() takes a number of batches, whole and at least 1; got " + f"{wrong!r}."
    )


# ---------------------------------------------------------------- limit_batches, end_phase


def test_a_limit_shortens_both_phases_and_the_plan() -> None:
    counting, planned = Counting(), []
    limit = acting(
        "before_fit",
        lambda state: state.limit_batches(train=3, valid=1),
        before_phase=lambda state: planned.append(state.progress.batches_planned),
        after_fit=lambda state: planned.append(state.progress.steps_planned),
    )
    make().fit(2, callbacks=[limit, counting], accumulate=2, progress=False)
    assert counting.batches == {Phase.TRAIN: 6, Phase.VALID: 2}
    assert counting.steps == 4  # the third batch of an epoch has a step of its own
    assert planned == [3, 1, 3, 1, 4]


def test_a_limit_above_what_there_is_changes_nothing() -> None:
    one, other = make(), make()
    one.fit(2, 0.05, progress=False)
    limit = acting("before_fit", lambda state: state.limit_batches(train=99, valid=99))
    other.fit(2, 0.05, callbacks=limit, progress=False)
    assert same(weights(one), weights(other))
    assert one.history[-1]["valid_loss"] == other.history[-1]["valid_loss"]


def test_a_limit_wants_a_whole_number() -> None:
    message = told(ValueError, lambda: State(nn.Identity()).limit_batches(train=0))
    assert message == "limit_batches() takes numbers of batches, whole and at least 1; got 0."


@pytest.mark.parametrize("hook", ["before_batch", "after_forward", "after_loss", "before_step"])
def test_a_phase_that_is_ended_in_a_batch_steps_on_it_and_goes_on_to_validation(hook: str) -> None:
    counting = Counting()
    end = acting(
        hook, lambda s: s.end_phase() if s.training and s.progress.batches_done == 2 else None
    )
    groups = 1 if hook == "before_step" else 4
    make().fit(2, callbacks=[end, counting], accumulate=groups, progress=False)
    assert counting.batches == {Phase.TRAIN: 6, Phase.VALID: 4}
    assert counting.steps == (6 if hook == "before_step" else 2)


def test_a_phase_that_is_ended_between_batches_has_one_more() -> None:
    counting = Counting()
    end = acting(
        "after_batch", lambda s: s.end_phase() if s.training and s.progress.batches_done == 1 else 0
    )
    make().fit(1, callbacks=[end, counting], accumulate=4, progress=False)
    assert (counting.batches[Phase.TRAIN], counting.steps) == (2, 1)


class Breaking(Callback):
    """Ends each TRAIN phase after two batches, and the fit by an error at one moment."""

    def __init__(self, hook: str = "", at: int = 0) -> None:
        self.seen, self.at = 0, at
        if hook:
            setattr(self, hook, self.fail)

    def before_fit(self, state: State) -> None:
        state.limit_batches(train=2)

    def fail(self, state: State) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise RuntimeError("cut")


CUTS = [("after_batch", 2), ("after_batch", 4), ("before_batch", 6), ("after_epoch", 1)]


@pytest.mark.parametrize(("hook", "at"), CUTS)
def test_a_limited_fit_goes_on_to_the_same_bits(tmp_path: Path, hook: str, at: int) -> None:
    whole, cut = make(model=net(dropout=0.3)), make(model=net(dropout=0.3))
    again = make(model=net(dropout=0.3))
    options: dict[str, Any] = {"checkpoint": tmp_path, "every_steps": 1, "progress": False}
    whole.fit(3, 0.05, callbacks=Breaking(), progress=False)
    with pytest.raises(RuntimeError, match="cut"):
        cut.fit(3, 0.05, callbacks=Breaking(hook, at), **options)
    again.fit(3, 0.05, callbacks=Breaking(), **options)
    assert same(weights(whole), weights(again))


# ---------------------------------------------------------------- validate


def numbers(row: dict[str, float]) -> dict[str, float]:
    return {name: row[name] for name in ("valid_loss", "accuracy")}


def test_a_validation_inside_training_is_that_of_the_weights_as_they_are() -> None:
    learn, found = make(), []

    def look(state: State) -> None:
        if state.training and state.progress.batches_done == state.progress.batches_planned:
            found.append(state.validate())

    history = learn.fit(2, 0.05, callbacks=acting("after_batch", look), progress=False)
    assert [numbers(row) for row in found] == [numbers(row) for row in history]


def test_a_validation_inside_training_leaves_no_trace() -> None:
    one, other = make(model=net(dropout=0.5)), make(model=net(dropout=0.5))
    alone = one.fit(2, 0.05, accumulate=2, progress=False)
    looking = acting("after_batch", lambda state: state.validate() if state.training else None)
    looked = other.fit(2, 0.05, accumulate=2, callbacks=looking, progress=False)
    assert same(weights(one), weights(other))
    for a, b in zip(alone, looked, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}


def test_a_validation_keeps_each_modules_mode_also_after_an_error() -> None:
    learn = make()
    norm = learn.model[1]  # type: ignore[index]
    modes: list[bool] = []

    def look(state: State) -> None:
        norm.eval()
        broken = acting_forward(learn.model)
        with pytest.raises(RuntimeError, match="broken"):
            state.validate()
        broken.remove()
        modes.extend((norm.training, learn.model.training))
        state.stop("seen")

    learn.fit(1, callbacks=acting("before_batch", look), progress=False)
    assert modes == [False, True]


def acting_forward(model: nn.Module) -> Any:
    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    return model.register_forward_pre_hook(fail)


@pytest.mark.parametrize("hook", ["before_fit", "before_epoch", "after_epoch", "after_fit"])
def test_a_validation_elsewhere_is_refused(hook: str) -> None:
    callback = acting(hook, lambda state: state.validate())
    message = told(StateError, lambda: make().fit(1, callbacks=callback, progress=False))
    assert message == (
        "`validate` is not available here; it exists in the TRAIN phase of a fit of data with "
        "validation samples."
    )


# ---------------------------------------------------------------- recompute


def gradients(state: State) -> list[Tensor]:
    return [p.grad.clone() for p in state.model.parameters() if p.grad is not None]


@pytest.mark.parametrize("micro_batch", [None, 3])
def test_a_batch_computed_again_adds_the_same_gradients(micro_batch: int | None) -> None:
    model = nn.Sequential(Double(), *net().double())
    found: list[tuple[list[Tensor], list[Tensor]]] = []

    def again(state: State) -> None:
        first, running = gradients(state), model[2].running_mean.clone()
        preds, loss = state.preds, state.loss
        state.recompute()
        found.append((first, gradients(state)))
        assert (state.preds is preds, state.loss is loss) == (True, True)
        assert torch.equal(running, model[2].running_mean)

    learn = make(model=model, micro_batch=micro_batch)
    learn.fit(1, 0.05, callbacks=acting("before_step", again), progress=False)
    assert len(found) == 5
    for first, both in found:
        for a, b in zip(first, both, strict=True):
            torch.testing.assert_close(2 * a, b, rtol=0, atol=1e-12)


def test_hooks_on_predictions_and_loss_run_again_too() -> None:
    events: list[str] = []
    spies = {hook: lambda state, hook=hook: events.append(hook) for hook in HOOKS[3:8]}
    again = acting("before_step", lambda state: state.recompute())
    spy = acting("before_fit", Callback().before_fit, **spies)
    make(data=bunch(batch_size=20)).fit(1, callbacks=[again, spy], progress=False)
    once = ["before_batch", "after_forward", "after_loss"]
    assert events == [*once, "after_forward", "after_loss", "before_step", "after_step", *once]


def test_lbfgs_sees_the_loss_that_hooks_make() -> None:
    """A penalty added in after_loss is part of what its closure minimises."""

    def shrink(state: State) -> None:
        state.loss = state.loss + 10 * size(state.model)

    def size(model: nn.Module) -> Tensor:
        return torch.stack([p.square().sum() for p in model.parameters()]).sum()

    def fitted(*callbacks: Callback) -> float:
        learn = make(opt_func=torch.optim.LBFGS, data=bunch(batch_size=20), model=nn.Linear(4, 2))
        learn.fit(1, 0.5, callbacks=callbacks, progress=False)
        return size(learn.model).item()

    assert fitted(acting("after_loss", shrink)) < 0.05 < fitted()


@pytest.mark.parametrize(
    "hook", [hook for hook in HOOKS if hook not in ("before_fit", "before_step")]
)
def test_a_batch_cannot_be_computed_again_outside_its_step(hook: str) -> None:
    callback = acting(hook, lambda state: state.recompute())
    message = told(StateError, lambda: make().fit(1, callbacks=callback, progress=False))
    assert message == "`recompute` is not available here; it exists in before_step."


def test_a_step_of_more_batches_cannot_be_computed_again() -> None:
    callback = acting("before_step", lambda state: state.recompute())
    options: dict[str, Any] = {"callbacks": callback, "accumulate": 2, "progress": False}
    message = told(StateError, lambda: make().fit(1, **options))
    assert message == (
        "a batch cannot be computed again in a step of 2 batches: it needs steps of one batch, in "
        "fp32 or bf16."
    )


# ---------------------------------------------------------------- training_batches


def test_the_training_batches_come_once_more_as_they_were_and_leave_no_trace() -> None:
    one, other = make(model=net(dropout=0.5)), make(model=net(dropout=0.5))
    seen: list[Tensor] = []
    again: list[Tensor] = []

    def look(state: State) -> None:
        if state.training:
            seen.append(state.batch.x)

    def repeat(state: State) -> None:
        if not state.training:
            again.extend(batch.x for batch in state.training_batches())

    one.fit(2, 0.05, progress=False)
    looking = acting("before_batch", look, before_phase=repeat)
    other.fit(2, 0.05, callbacks=looking, progress=False)
    assert len(seen) == 10
    assert same(seen, again)
    assert same(weights(one), weights(other))


def test_the_training_batches_are_those_within_the_limit() -> None:
    counts: list[int] = []
    limit = acting(
        "before_fit",
        lambda state: state.limit_batches(train=2),
        after_phase=lambda state: counts.append(len(list(state.training_batches()))),
    )
    make().fit(1, callbacks=limit, progress=False)
    assert counts == [2, 2]


def test_the_training_batches_are_refused_outside_a_fit() -> None:
    message = told(StateError, lambda: State(nn.Identity()).training_batches())
    assert message == "`training_batches` is not available here; it exists during a fit."


# ---------------------------------------------------------------- say


def test_what_a_hook_says_is_shown_with_the_fit(capsys: pytest.CaptureFixture[str]) -> None:
    talking = acting("after_phase", lambda state: state.say(f"{state.phase.value} is over"))
    make().fit(1, callbacks=talking)
    _, _, *rest = capsys.readouterr().out.splitlines()
    assert rest[:2] == ["train is over", "valid is over"]


def test_without_progress_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    talking = acting("after_phase", lambda state: state.say("over"))
    make().fit(1, callbacks=talking, progress=False)
    assert capsys.readouterr().out == ""


def test_a_callback_may_listen_too() -> None:
    heard: list[str] = []
    talking = acting("after_epoch", lambda state: state.say("over"))
    listening = acting("before_fit", lambda state: state.listen(heard.append))
    make().fit(2, callbacks=[talking, listening], progress=False)
    assert heard == ["over", "over"]


# ---------------------------------------------------------------- has_row


def test_an_epoch_that_is_stopped_before_its_first_batch_has_no_row() -> None:
    rows: list[bool] = []
    stop = acting(
        "before_epoch",
        lambda state: state.stop("enough") if state.progress.epochs_done else None,
        after_epoch=lambda state: rows.append(state.has_row),
    )
    history = make().fit(3, callbacks=stop, progress=False)
    assert rows == [True, False]
    assert len(history) == 1


def test_an_epoch_that_is_stopped_before_its_validation_has_one() -> None:
    rows: list[bool] = []
    stop = acting(
        "before_phase",
        lambda state: None if state.training else state.stop("enough"),
        after_epoch=lambda state: rows.append(state.has_row),
    )
    assert len(make().fit(3, callbacks=stop, progress=False)) == 1
    assert rows == [True]
