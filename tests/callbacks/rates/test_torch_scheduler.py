"""TorchScheduler: the rates of torch's own schedulers, whatever else moves."""

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torchs

from learnkit.callbacks.rates.lr_schedule import LRSchedule
from learnkit.callbacks.rates.reduce_lr_on_plateau import ReduceLROnPlateau
from learnkit.callbacks.rates.torch_scheduler import TorchScheduler
from learnkit.errors import MonitorError
from learnkit.schedule import flat_cosine
from learnkit.state import State

EPOCHS, STEPS = 5, 4  # steps of an epoch

MAKERS: dict[str, Any] = {
    "step": lambda opt: torchs.StepLR(opt, 2, gamma=0.5),
    "milestones": lambda opt: torchs.MultiStepLR(opt, [1, 3]),
    "cosine": lambda opt: torchs.CosineAnnealingLR(opt, 20),
    "restarts": lambda opt: torchs.CosineAnnealingWarmRestarts(opt, 3),
    "lambda": lambda opt: torchs.LambdaLR(opt, lambda at: 0.9**at),
    "one cycle": lambda opt: torchs.OneCycleLR(opt, 0.5, total_steps=20),
    "cyclic": lambda opt: torchs.CyclicLR(opt, 0.1, 0.5, step_size_up=3),
    "sequence": lambda opt: torchs.SequentialLR(
        opt, [torchs.LinearLR(opt, 0.1, total_iters=2), torchs.ExponentialLR(opt, 0.9)], [2]
    ),
}


def walk(state: State, *callbacks: Any, epochs: int = EPOCHS, start: int = 0) -> list[Any]:
    """What the optimizer has at each step."""
    seen = []
    for epoch in range(start, epochs):
        for _ in range(STEPS):
            for callback in callbacks:
                callback.before_step(state)
            group = state.optimizer.param_groups[0]
            seen.append((group["lr"], group.get("momentum")))
            state.progress.steps_done += 1
        state.metrics = {"valid_loss": 1.0}
        for callback in callbacks:
            callback.after_epoch(state)
        state.progress.epochs_done = epoch + 1
    return seen


def begun(make_state: Any, *callbacks: Any) -> State:
    state = make_state(lr=0.2, steps=EPOCHS * STEPS, momentum=0.9)
    for callback in callbacks:
        callback.before_fit(state)
    return state


def plain(make_state: Any, name: str, every: str) -> list[Any]:
    """A loop as torch's documentation has it."""
    optimizer = make_state(lr=0.2, momentum=0.9).optimizer
    scheduler, seen = MAKERS[name](optimizer), []
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
            optimizer.step()
            if every == "step" and len(seen) < EPOCHS * STEPS:
                scheduler.step()
        if every == "epoch":
            scheduler.step()
    return seen


@pytest.mark.parametrize("every", ["epoch", "step"])
@pytest.mark.parametrize("name", MAKERS)
def test_rates_and_momentum_are_those_of_a_plain_loop(
    make_state: Any, name: str, every: Any
) -> None:
    own, callback = LRSchedule(flat_cosine()), TorchScheduler(MAKERS[name], every=every)
    state = begun(make_state, own, callback)
    assert walk(state, own, callback) == plain(make_state, name, every)


@pytest.mark.parametrize("name", MAKERS)
def test_a_resumed_fit_goes_on_exactly(make_state: Any, name: str) -> None:
    callback = TorchScheduler(MAKERS[name])
    whole = walk(begun(make_state, callback), callback)
    first = begun(make_state, callback)
    walk(first, callback, epochs=2)
    fresh = begun(make_state, callback)
    fresh.optimizer.load_state_dict(first.optimizer.state_dict())
    fresh.progress.steps_done, fresh.progress.epochs_done = 2 * STEPS, 2
    assert callback.state_dict() == {}
    assert walk(fresh, callback, start=2) == whole[2 * STEPS :]


def test_nothing_of_the_scheduler_stays_with_the_optimizer(make_state: Any) -> None:
    callback = TorchScheduler(MAKERS["one cycle"], every="step")
    state = begun(make_state, callback)
    before = set(state.optimizer.param_groups[0]) - {"initial_momentum"}
    walk(state, callback)
    callback.after_fit(state)
    assert set(state.optimizer.param_groups[0]) == before
    assert state.optimizer.param_groups[0]["momentum"] == 0.9
    assert "step" not in vars(state.optimizer)


def test_a_peak_that_is_lowered_lowers_its_rates_in_any_order(make_state: Any) -> None:
    found = []
    for order in (1, -1):
        plateau = ReduceLROnPlateau(patience=2, factor=0.5)
        callbacks = [plateau, TorchScheduler(MAKERS["step"])][::order]
        found.append([lr for lr, _ in walk(begun(make_state, *callbacks), *callbacks)])
    assert found[0] == found[1]
    assert found[0][-1] == 0.2 * 0.5**2 * 0.5  # two falls of torch's, one of ours


def plateau(optimizer: Any, **options: Any) -> Any:
    return torchs.ReduceLROnPlateau(optimizer, patience=0, factor=0.5, **options)


def test_torchs_plateau_gets_its_number_also_when_it_goes_on(make_state: Any) -> None:
    callback = TorchScheduler(plateau)
    whole = [lr for lr, _ in walk(begun(make_state, callback), callback)]
    assert whole[::STEPS] == [0.2, 0.2, 0.1, 0.05, 0.025]
    first = begun(make_state, callback)
    walk(first, callback, epochs=3)
    taken = callback.state_dict()
    assert taken == {"seen": [1.0, 1.0, 1.0]}
    fresh = begun(make_state, callback)
    callback.load_state_dict(taken)
    assert [lr for lr, _ in walk(fresh, callback, start=3)] == whole[3 * STEPS :]


def test_torchs_plateau_is_refused_where_it_would_go_wrong(make_state: Any) -> None:
    with pytest.raises(ValueError) as caught:
        begun(make_state, TorchScheduler(plateau, monitor="accuracy"))
    assert str(caught.value) == (
        "TorchScheduler(): ReduceLROnPlateau steps every epoch, and for accuracy with mode='max'; "
        "found every='epoch' and mode='min'. learnkit's own ReduceLROnPlateau knows both."
    )
    with pytest.raises(MonitorError, match=r"^TorchScheduler\(monitor='valid_lss'\)"):
        begun(make_state, TorchScheduler(plateau, monitor="valid_lss"))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: TorchScheduler(3),  # type: ignore[arg-type]
            TypeError,
            "TorchScheduler(): give a function that makes the scheduler, such as "
            "lambda opt: StepLR(opt, 10); found a int.",
        ),
        (
            lambda: TorchScheduler(MAKERS["step"], every="batch"),  # type: ignore[arg-type]
            ValueError,
            "TorchScheduler(): every must be 'epoch' or 'step', found 'batch'.",
        ),
    ],
)
def test_a_wrong_option_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_a_function_that_makes_no_scheduler_is_refused(make_state: Any) -> None:
    with pytest.raises(TypeError) as caught:
        begun(make_state, TorchScheduler(lambda opt: torch.zeros(1)))  # type: ignore[arg-type]
    assert str(caught.value) == (
        "TorchScheduler(): the function must return a torch.optim.lr_scheduler.LRScheduler, "
        "found a Tensor."
    )
