"""costs(): seconds by a clock that only callbacks move, waits by line, and nothing left behind."""

from typing import Any

import pytest
import torch
from torch import Tensor

from learnkit.callback import Callback
from learnkit.callbacks.logs.csv_log import CSVLog
from learnkit.callbacks.saves.save_best import SaveBest
from learnkit.callbacks.watch.validate_every import ValidateEvery
from learnkit.costs import Cost, Costs, Stopwatches, WaitCounter, costs_of, works_in_steps
from learnkit.history import History
from learnkit.loop import run_fit
from learnkit.state import State
from learnkit.testing import tiny_learner


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Takes(Callback):
    """Takes seconds in two hooks of a step, and many more outside."""

    def __init__(self, clock: Clock, forward: float, end: float) -> None:
        self.clock, self.forward, self.end = clock, forward, end

    def before_fit(self, state: State) -> None:
        self.clock.now += 100

    def after_forward(self, state: State) -> None:
        self.clock.now += self.forward

    def after_batch(self, state: State) -> None:
        self.clock.now += self.end

    def after_epoch(self, state: State) -> None:
        self.clock.now += 1000


class Reads(Callback):
    def before_epoch(self, state: State) -> None:
        self.seen = torch.ones(1).item()  # not in a step

    def after_loss(self, state: State) -> None:
        if state.loss > 100:  # one
            self.seen = 0.0
        self.seen = float(state.loss) + state.loss.item()  # two more in a line

    def after_batch(self, state: State) -> None:
        self.rows = state.preds.detach().to("cpu").tolist()


class Quiet(Callback):
    def after_loss(self, state: State) -> None:
        state.loss = state.loss * 1.0


def timed(clock: Clock, *callbacks: Callback, batches: int = 5) -> Stopwatches:
    learn = tiny_learner()
    watches = Stopwatches(callbacks, batches=batches, clock=clock)
    state = learn._planned_state(learn_plan())
    run_fit(learn._parts(state), watches.wrapped, History())
    return watches


def learn_plan() -> Any:
    from learnkit.plan import FitPlan

    return FitPlan(epochs=9, lr=0.01, weight_decay=0.0)


def test_each_callback_has_the_time_of_its_own_hooks_in_a_step() -> None:
    clock = Clock()
    watches = timed(clock, Takes(clock, 2.0, 0.5), Quiet(), Takes(clock, 0.0, 1.0))
    assert watches.batches == 5
    assert watches.medians() == (3.5, [2.5, 0.0, 1.0])


def test_waits_are_counted_by_callback_and_line_and_only_in_steps() -> None:
    costs = tiny_learner().costs(batches=4, callbacks=[Reads(), Quiet()])
    rows = {row.name: row for row in costs.rows}
    assert rows["Reads"].waits == 5
    assert rows["Quiet"].waits == 0
    line = Reads.after_loss.__code__.co_firstlineno
    assert set(rows["Reads"].where) == {
        f"test_costs.py:{line + 1}",
        f"test_costs.py:{line + 3}",
        f"test_costs.py:{Reads.after_batch.__code__.co_firstlineno + 1}",
    }
    assert rows["Reads"].where[0] in (f"test_costs.py:{line + 3}", f"test_costs.py:{line + 6}")


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: bool(x),
        lambda x: int(x),
        lambda x: float(x),
        lambda x: x.cpu(),
        lambda x: x.to("cpu"),
        lambda x: x.to(device="cpu"),
        lambda x: x.nonzero(),
        lambda x: torch.equal(x, x),
        lambda x: 1.0 if x else 0.0,
        lambda x: [0, 1][x.long()],
    ],
)
def test_every_way_to_read_a_tensor_is_a_wait(read: Any) -> None:
    watches = Stopwatches([], batches=1)
    watches.in_step = True
    with WaitCounter(watches) as counter:
        read(torch.ones(()))
    assert counter.of(None)[0] == 1


@pytest.mark.parametrize(
    "harmless",
    [
        lambda x: x + 1,
        lambda x: x.to(torch.float64),
        lambda x: x.to(torch.device("cpu")),
        Tensor.detach,
    ],
)
def test_what_stays_on_the_device_is_no_wait(harmless: Any) -> None:
    watches = Stopwatches([], batches=1)
    watches.in_step = True
    with WaitCounter(watches) as counter:
        harmless(torch.ones(()))
    assert counter.of(None) == (0, ())


def test_the_learner_is_as_it_was() -> None:
    learn, other = tiny_learner(), tiny_learner()
    drawn = torch.get_rng_state()
    learn.costs(batches=3, callbacks=Reads())
    assert torch.equal(drawn, torch.get_rng_state())
    assert learn.recorder.lrs == []
    assert learn.fingerprint() == other.fingerprint()
    learn.fit(2, progress=False)
    other.fit(2, progress=False)
    assert learn.fingerprint() == other.fingerprint()


def test_a_learner_that_has_been_trained_can_be_measured_too() -> None:
    learn = tiny_learner()
    learn.fit_one_cycle(1, progress=False)
    before = learn.fingerprint()
    assert learn.costs(batches=2).rows[0].name == "LRSchedule"
    assert learn.fingerprint() == before


def test_callbacks_that_want_validation_are_measured_too() -> None:
    costs = tiny_learner().costs(batches=2, callbacks=ValidateEvery(2))
    assert [row.name for row in costs.rows][-2] == "ValidateEvery"


def test_a_callback_is_measured_as_a_copy() -> None:
    reads = Reads()
    tiny_learner(callbacks=reads).costs(batches=2)
    assert not hasattr(reads, "rows")


def test_what_writes_is_not_run(tmp_path: Any) -> None:
    log, best = CSVLog(tmp_path / "log.csv"), SaveBest(tmp_path / "best.safetensors")
    costs = tiny_learner().costs(batches=9, callbacks=[log, best])
    assert list(tmp_path.iterdir()) == []
    assert [row.name for row in costs.rows] == [
        "LRSchedule",
        "Recorder",
        "SanityChecks",
        "the loop",
    ]
    assert costs.left_out == ("CSVLog", "SaveBest")
    assert str(costs).splitlines()[-1] == "not run, as they write: CSVLog, SaveBest"
    assert not works_in_steps(log)
    assert works_in_steps(Reads())


def test_it_prints_a_table() -> None:
    rows = (Cost("Reads", 25e-6, 2.0, ("a.py:3", "b.py:7")), Cost("the loop", 75e-6, 0.0, ()))
    assert str(Costs(100e-6, rows, 30)).splitlines() == [
        "callback      a step   share  waits  where",
        "Reads        25.0 us   25.0%      2  a.py:3, b.py:7",
        "the loop     75.0 us   75.0%      0",
        "a whole step    100.0 us, median of 30 batches",
    ]


def test_the_parts_of_both_runs_are_put_together() -> None:
    clock = Clock()
    watches = timed(clock, Takes(clock, 2.0, 0.5), batches=8)
    costs = costs_of(["Takes"], watches, watches, WaitCounter(watches))
    assert costs == Costs(2.5, (Cost("Takes", 2.5, 0.0, ()), Cost("the loop", 0.0, 0.0, ())), 5)


@pytest.mark.parametrize("batches", [0, 1.5, True])
def test_batches_is_a_whole_number(batches: Any) -> None:
    with pytest.raises(ValueError, match="batches") as caught:
        tiny_learner().costs(batches=batches)
    assert str(caught.value) == (
        f"costs(): batches must be a whole number of at least 1, found {batches!r}."
    )


def test_a_callback_that_cannot_be_copied_is_named_by_what_it_holds() -> None:
    callback = Reads()
    callback.hold = (i for i in range(3))  # type: ignore[attr-defined]
    with pytest.raises(TypeError) as caught:
        tiny_learner().costs(callbacks=callback)
    assert str(caught.value) == (
        "costs() measures copies of the callbacks, and one cannot be copied: cannot pickle "
        "'generator' object."
    )
