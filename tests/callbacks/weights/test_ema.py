"""EMA: the closed form, and whose weights the model has when."""

from typing import Any

import pytest
import torch
from torch import Tensor

from learnkit.callbacks.saves.save_best import SaveBest
from learnkit.callbacks.saves.save_last import SaveLast
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.callbacks.weights.ema import EMA
from learnkit.callbacks.weights.swa import SWA
from learnkit.checkpoint import load_tensors
from learnkit.learner import Learner
from learnkit.state import Phase, State
from learnkit.testing import tiny_learner
from tests.doubles import double_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def weights(learn: Learner) -> dict[str, Tensor]:
    return {n: t.clone() for n, t in learn.model.state_dict().items() if t.is_floating_point()}


def recorded(learn: Learner) -> tuple[list[dict[str, Tensor]], LambdaCallback]:
    """Return a list, and the callback that puts the weights of the start and of every step in."""
    seen = [weights(learn)]
    return seen, LambdaCallback(after_step=lambda state: seen.append(weights(learn)))


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor], atol: float = 0.0) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=atol, msg=name)


@pytest.mark.parametrize("valid", [True, False])
def test_the_average_is_the_closed_form(valid: bool) -> None:
    """w_ema(T) = d^T w(0) + (1 - d) sum over t of d^(T - t) w(t)."""
    learn, d = double_learner(norm=True, valid=valid), 0.9
    seen, recording = recorded(learn)
    learn.fit(3, 0.1, callbacks=[EMA(d, warmup=False), recording], progress=False)
    last = len(seen) - 1
    assert last == 12
    expected = {
        name: d**last * seen[0][name]
        + (1 - d) * sum(d ** (last - t) * seen[t][name] for t in range(1, last + 1))
        for name in seen[0]
    }
    assert_equal(weights(learn), expected, atol=1e-10)


def test_warmup_begins_with_a_short_memory() -> None:
    learn = double_learner()
    seen, recording = recorded(learn)
    learn.fit(2, 0.1, callbacks=[EMA(0.5, warmup=True), recording], progress=False)
    average = seen[0]
    for t, now in enumerate(seen[1:], start=1):
        d = min(0.5, (1 + t) / (10 + t))
        average = {name: d * average[name] + (1 - d) * now[name] for name in now}
    assert_equal(weights(learn), average, atol=1e-10)


def test_moving_every_few_steps_keeps_the_memory_as_long() -> None:
    learn = double_learner()
    seen, recording = recorded(learn)
    learn.fit(2, 0.1, callbacks=[EMA(0.9, warmup=False, every=3), recording], progress=False)
    average = seen[0]
    for now in seen[3::3]:
        average = {name: 0.9**3 * average[name] + (1 - 0.9**3) * now[name] for name in now}
    assert len(seen) == 9
    assert_equal(weights(learn), average, atol=1e-10)


def test_training_is_that_of_a_fit_without_it() -> None:
    """Each step's weights are the same bits, and validation sees others."""
    plain, learn = tiny_learner(), tiny_learner()
    steps, recording = recorded(plain)
    without = plain.fit(2, 0.1, callbacks=recording, progress=False)
    seen, recording = recorded(learn)
    history = learn.fit(2, 0.1, callbacks=[EMA(0.9), recording], progress=False)
    for found, expected in zip(seen, steps, strict=True):
        assert_equal(found, expected)
    assert [row["train_loss"] for row in history] == [row["train_loss"] for row in without]
    assert history[-1]["valid_loss"] != without[-1]["valid_loss"]


def test_validation_and_what_is_saved_is_that_of_the_average(tmp_path: Any) -> None:
    for order in (1, -1):
        learn = tiny_learner()
        best = SaveBest(tmp_path / f"best{order}.safetensors", restore=False)
        learn.fit(1, 0.1, callbacks=[EMA(0.9), best][::order], progress=False)
        row = learn.history[-1]
        assert learn.validate()["valid_loss"] == row["valid_loss"]
        assert_equal(
            {n: t for n, t in load_tensors(best.path).items() if t.is_floating_point()},
            weights(learn),
        )


def test_a_fit_that_stops_amid_training_ends_with_the_average_of_its_steps() -> None:
    learn = double_learner()
    seen, recording = recorded(learn)
    stop = LambdaCallback(after_step=lambda state: state.stop("enough"))
    learn.fit(1, 0.1, callbacks=[EMA(0.9, warmup=False), recording, stop], progress=False)
    expected = {name: 0.9 * seen[0][name] + 0.1 * seen[1][name] for name in seen[0]}
    assert_equal(weights(learn), expected, atol=1e-10)


def test_after_an_error_the_model_has_its_own_weights() -> None:
    for phase in Phase:
        learn = tiny_learner()
        seen, recording = recorded(learn)

        def fail(state: State, phase: Phase = phase) -> None:
            if state.phase is phase and state.progress.steps_done:
                raise ZeroDivisionError

        callbacks = [EMA(0.9), recording, LambdaCallback(before_batch=fail)]
        with pytest.raises(ZeroDivisionError):
            learn.fit(1, 0.1, callbacks=callbacks, progress=False)
        assert_equal(weights(learn), seen[-1])


def test_a_second_fit_goes_on_from_the_average_with_a_new_one() -> None:
    learn, ema = double_learner(), EMA(0.9, warmup=False)
    learn.fit(1, 0.1, callbacks=ema, progress=False)
    seen, recording = recorded(learn)
    learn.fit(1, 0.1, callbacks=[ema, recording], progress=False)
    last = len(seen) - 1
    expected = {
        name: 0.9**last * seen[0][name]
        + 0.1 * sum(0.9 ** (last - t) * seen[t][name] for t in range(1, last + 1))
        for name in seen[0]
    }
    assert_equal(weights(learn), expected, atol=1e-10)


def test_frozen_weights_are_not_touched() -> None:
    learn = tiny_learner().freeze()
    body = [*learn.model[0].parameters(), *learn.model[0].buffers()]
    versions: set[tuple[int, ...]] = set()
    look = LambdaCallback(after_epoch=lambda s: versions.add(tuple(t._version for t in body)))
    learn.fit(3, 0.1, callbacks=[EMA(0.9), look], progress=False)
    assert len(versions) == 1


@pytest.mark.parametrize("order", [1, -1])
def test_beside_another_average_training_stays_what_it_is(order: int) -> None:
    plain, learn = tiny_learner(), tiny_learner()
    steps, recording = recorded(plain)
    plain.fit(3, 0.1, callbacks=recording, progress=False)
    seen, recording = recorded(learn)
    both = [EMA(0.9), SWA(0.0)][::order]
    learn.fit(3, 0.1, callbacks=[*both, recording], progress=False)
    for found, expected in zip(seen, steps, strict=True):
        assert_equal(found, expected)


def test_an_option_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        EMA(1.0)
    assert str(caught.value) == "EMA(): decay must be a number in [0, 1), found 1.0."
    with pytest.raises(ValueError) as caught:
        EMA(every=0)
    assert str(caught.value) == (
        "EMA(): every must be a whole number of steps of at least 1, found 0."
    )


def tensors(path: Any) -> dict[str, Tensor]:
    return {n: t for n, t in load_tensors(path).items() if t.is_floating_point()}


@pytest.mark.parametrize("make", [lambda: EMA(0.9), lambda: SWA(0.0)])
@pytest.mark.parametrize("order", [1, -1])
def test_without_validation_too_what_is_saved_is_the_average_in_any_order(
    tmp_path: Any, order: int, make: Any
) -> None:
    learn, path = double_learner(norm=True, valid=False), tmp_path / "last.safetensors"
    learn.fit(2, 0.1, callbacks=[make(), SaveLast(path)][::order], progress=False)
    assert_equal(tensors(path), weights(learn))


@pytest.mark.parametrize("order", [1, -1])
def test_a_stop_amid_training_saves_the_average_in_any_order(tmp_path: Any, order: int) -> None:
    learn, path = tiny_learner(), tmp_path / "last.safetensors"
    stop = LambdaCallback(after_step=lambda state: state.stop("enough"))
    callbacks = [EMA(0.9), SaveLast(path)][::order]
    learn.fit(1, 0.1, callbacks=[*callbacks, stop], progress=False)
    assert_equal(tensors(path), weights(learn))


@pytest.mark.parametrize("last", [EMA, SWA])
def test_without_validation_two_averages_do_not_average_each_other(last: Any) -> None:
    """The fit ends with the later one, which is what it is alone."""
    found = []
    for beside in (True, False):
        learn = double_learner(norm=True, valid=False)
        made = {EMA: lambda: EMA(0.9), SWA: lambda: SWA(0.0)}
        first = [make() for kind, make in made.items() if kind is not last and beside]
        learn.fit(3, 0.1, callbacks=[*first, made[last]()], progress=False)
        found.append(weights(learn))
    assert_equal(found[0], found[1])


def test_where_a_callback_leaves_a_validation_out_the_average_is_put_in_too() -> None:
    learn, out = tiny_learner(), []

    def leave_out(state: State) -> None:
        if state.training:
            out.append(state.valid_dl)
            state.valid_dl = None

    def put_back(state: State) -> None:
        state.valid_dl = out.pop()

    seen, recording = recorded(learn)
    other = LambdaCallback(after_phase=leave_out, after_epoch=put_back)
    learn.fit(1, 0.1, callbacks=[EMA(0.0), SWA(0.0), recording, other], progress=False)
    learn.fit(1, 0.1, callbacks=[EMA(0.9), recording, other], progress=False)
    assert any(not torch.equal(seen[-1][name], value) for name, value in weights(learn).items())
