"""A fit in a given time: its end, its schedule, its validation and its checkpoints, by a clock."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callback import Callback
from learnkit.callbacks.stop import time_budget
from learnkit.callbacks.stop.time_budget import TimeBudget
from learnkit.data.bunch import DataBunch
from learnkit.errors import CheckpointError
from learnkit.learner import Learner
from learnkit.schedule import linear
from learnkit.state import State

DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(100, 4, generator=DRAWN)
Y = (X.sum(1) > 0).long()


class Clock:
    """Goes on only when something says that it took time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Works(Callback):
    """Takes seconds where a fit does; notes rates and fractions."""

    def __init__(
        self, clock: Clock, *, step: float, valid: float = 0.0, epoch: float = 0.0
    ) -> None:
        self.clock, self.step, self.valid, self.epoch = clock, step, valid, epoch
        self.fractions: list[float] = []
        self.epochs_planned: list[int] = []
        self.validated = 0

    def before_step(self, state: State) -> None:
        self.fractions.append(state.progress.fraction)

    def after_batch(self, state: State) -> None:
        self.clock.now += self.step if state.training else self.valid
        self.epochs_planned.append(state.progress.epochs_planned)
        self.validated += not state.training

    def after_epoch(self, state: State) -> None:
        self.clock.now += self.epoch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One that the learner's budget reads too."""
    clock = Clock()
    monkeypatch.setattr(
        time_budget.TimeBudget.__init__, "__kwdefaults__", {"began": None, "clock": clock}
    )
    monkeypatch.setattr("learnkit.learner_runs.time.perf_counter", clock)
    return clock


def make(**options: Any) -> Learner:
    torch.manual_seed(0)
    data = DataBunch.from_arrays(X, Y, batch_size=8, valid_pct=0.2, seed=1)
    return Learner(data, nn.Linear(4, 2), device="cpu", precision="fp32", **options)


@pytest.mark.parametrize(
    ("minutes", "step", "valid", "epoch"),
    [
        (1, 0.1, 0.1, 0.0),
        (1, 0.31, 0.5, 1.0),
        (0.5, 2.0, 1.0, 0.2),
        (2, 0.7, 0.1, 0.1),
        (5, 3.0, 0.5, 2.0),
    ],
)
def test_a_fit_ends_within_its_time_and_not_long_before(
    clock: Clock, minutes: float, step: float, valid: float, epoch: float
) -> None:
    began, works = clock.now, Works(clock, step=step, valid=valid, epoch=epoch)
    history = make().fit(minutes=minutes, callbacks=works, progress=False)
    took, limit = clock.now - began, minutes * 60
    # within 2 %, or three steps where these are longer
    assert limit - max(0.02 * limit, 3 * step) <= took <= 1.02 * limit
    validated = [row for row in history if "valid_loss" in row]
    assert works.validated == 3 * len(validated)
    assert history[-1] is validated[-1]
    assert history.stop_reason is None


def test_an_epoch_whose_validation_would_take_the_rest_of_the_time_is_not_validated(
    clock: Clock,
) -> None:
    """8 s of training, 6 of validation, 30 in all: 8 and 6, 8 and none, about 2 and 6."""
    began, works = clock.now, Works(clock, step=0.8, valid=2.0)
    history = make().fit(minutes=0.5, callbacks=works, progress=False)
    assert ["valid_loss" in row for row in history] == [True, False, True]
    assert 27 <= clock.now - began <= 30.6


def test_the_schedule_runs_by_the_clock_from_its_start_to_its_end(clock: Clock) -> None:
    works = Works(clock, step=0.1, valid=0.05)
    make().fit(minutes=1, schedule=linear(), callbacks=works, progress=False)
    assert works.fractions[0] == 0.0
    assert works.fractions == sorted(works.fractions)
    assert works.fractions[-1] == pytest.approx(1.0, abs=0.01)
    steps = len(works.fractions)
    for i in range(steps // 4, steps, steps // 4):
        assert works.fractions[i] == pytest.approx(i / steps, abs=0.02)


def test_a_fit_whose_steps_become_faster_still_goes_by_the_clock(clock: Clock) -> None:
    """As when decoded photos are remembered after the first epoch."""
    works = Works(clock, step=1.0, valid=0.1)

    class Faster(Callback):
        def after_epoch(self, state: State) -> None:
            works.step = 0.1

    began = clock.now
    make().fit(minutes=1, callbacks=[works, Faster()], progress=False)
    assert 57 <= clock.now - began <= 61
    assert works.fractions == sorted(works.fractions)
    assert works.fractions[-1] == pytest.approx(1.0, abs=0.02)


def test_epochs_are_planned_anew_as_steps_are_measured(clock: Clock) -> None:
    works = Works(clock, step=0.1)
    history = make().fit(minutes=0.5, callbacks=works, progress=False)
    assert works.epochs_planned[-1] == len(history)
    assert abs(works.epochs_planned[5] - len(history)) <= 1


def test_a_last_validation_that_takes_far_longer_is_cut_and_a_line_says_so(clock: Clock) -> None:
    data = DataBunch.from_arrays(X, Y, batch_size=5, valid_pct=0.5, seed=1)  # 10 batches each
    learn, works = Learner(data, nn.Linear(4, 2), device="cpu"), Works(clock, step=0.5, valid=0.1)
    said: list[str] = []

    class Slower(Callback):
        def before_fit(self, state: State) -> None:
            state.listen(said.append)

        def before_phase(self, state: State) -> None:
            works.valid = 0.3 if clock.now > 125 else 0.1

    began = clock.now
    learn.fit(minutes=0.5, callbacks=[works, Slower()], progress=False)
    assert 30 <= clock.now - began <= 1.02 * 30
    assert len(said) == 1
    assert re.fullmatch(r"the time is over: validated on [3-7] of 10 batches", said[0])


def test_too_little_time_gives_two_batches_and_a_validation_and_says_so(clock: Clock) -> None:
    works = Works(clock, step=3.0, valid=1.0)
    with pytest.warns(UserWarning, match="minutes") as caught:
        history = make().fit(minutes=0.01, callbacks=works, progress=False)
    assert len(works.fractions) == 2  # a step is not measured before the second
    assert works.validated == 1
    assert len(history) == 1
    assert str(caught[0].message) == (
        "fit(minutes=0.01) took 7 s instead of 0.6: a step, the validation and the last checkpoint "
        "did not fit."
    )


@pytest.mark.parametrize("valid", [True, False])
def test_epochs_of_one_batch_are_measured_too(clock: Clock, valid: bool) -> None:
    whole = DataBunch.from_arrays(X, Y, batch_size=80, valid_pct=0.2, seed=1)
    data = whole if valid else DataBunch.from_dls(whole.train_dl, classes=["a", "b"], seed=1)
    learn = Learner(data, nn.Linear(4, 2), device="cpu", precision="fp32")
    began, works = clock.now, Works(clock, step=0.4, valid=0.3)
    learn.fit(minutes=0.1, schedule=linear(), callbacks=works, progress=False)
    assert 6 - 0.8 <= clock.now - began <= 6.12
    assert works.fractions[-1] > 0.85


def test_the_reserve_is_not_counted_at_each_batch(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[State] = []
    count = time_budget._numbers

    def counting(state: State, *, optimizer: bool) -> int:
        counted.append(state)
        return count(state, optimizer=optimizer)

    monkeypatch.setattr(time_budget, "_numbers", counting)
    works = Works(clock, step=0.01)
    history = make().fit(minutes=0.05, callbacks=works, progress=False)
    assert len(works.fractions) > 200
    assert len(counted) <= len(history) + 12


def test_one_cycle_fits_into_minutes_too(clock: Clock) -> None:
    learn, works = make(), Works(clock, step=0.2)
    learn.fit_one_cycle(minutes=0.5, max_lr=0.1, callbacks=works, progress=False)
    assert max(learn.recorder.lrs) == pytest.approx(0.1, rel=0.01)
    assert learn.recorder.lrs[-1] < 1e-3


def test_time_before_an_interruption_counts(clock: Clock, tmp_path: Path) -> None:
    class Cut(Callback):
        def after_batch(self, state: State) -> None:
            if clock.now - 100.0 > 20:
                raise RuntimeError("cut")

    options: dict[str, Any] = {"minutes": 0.5, "checkpoint": tmp_path, "every_steps": 1}
    with pytest.raises(RuntimeError, match="cut"):
        make().fit(**options, callbacks=[Works(clock, step=0.1), Cut()], progress=False)
    clock.now += 1000  # nobody trained then
    began = clock.now
    works = Works(clock, step=0.1)

    class Harmless(Callback):
        name = "Cut"

    make().fit(**options, callbacks=[works, Harmless()], progress=False)
    assert 8 <= clock.now - began <= 10.5
    assert works.fractions[0] > 0.6


def test_a_second_fit_has_its_time_again(clock: Clock) -> None:
    budget, learn = TimeBudget(0.5, clock=clock), make()
    for _ in range(2):
        began = clock.now
        learn.fit(1, callbacks=[Works(clock, step=0.1), budget], progress=False)
        assert clock.now - began == pytest.approx(30, rel=0.03)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "20", True, None])
def test_minutes_must_be_a_number_above_0(wrong: Any) -> None:
    with pytest.raises(ValueError, match="minutes") as caught:
        TimeBudget(wrong)
    assert str(caught.value) == f"minutes must be a number above 0; got {wrong!r}."


@pytest.mark.parametrize(
    ("options", "found"), [({}, "neither"), ({"epochs": 2, "minutes": 1}, "both")]
)
@pytest.mark.parametrize("method", ["fit", "fit_one_cycle"])
def test_a_fit_wants_epochs_or_minutes(method: str, options: dict[str, Any], found: str) -> None:
    with pytest.raises(TypeError) as caught:
        getattr(make(), method)(**options)
    assert str(caught.value) == (
        f"a fit takes epochs or minutes=, such as fit(5) or fit(minutes=20); got {found}."
    )


def test_a_fit_by_the_clock_is_not_run_again(clock: Clock, tmp_path: Path) -> None:
    learn = make()
    learn.fit(minutes=0.1, callbacks=Works(clock, step=0.1), checkpoint=tmp_path, progress=False)
    with pytest.raises(CheckpointError) as caught:
        learn.replay(3)
    assert str(caught.value) == (
        "a fit(minutes=...) went by the clock and cannot be run again to the same bits. Look back "
        "at a fit of epochs."
    )


def test_the_opening_line_says_the_minutes(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    make().fit(minutes=0.05, callbacks=Works(clock, step=0.5))
    assert capsys.readouterr().out.startswith("0.05 minutes; 80 train, 20 valid samples")
