"""Timer: every second of a fit belongs to one part."""

import pytest
import torch

from learnkit.callback import Callback
from learnkit.callbacks.watch.timer import PARTS, Timer
from learnkit.state import State
from learnkit.testing import tiny_learner


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow(Callback):
    """Stands before the timer, so that its seconds count to the part that ends there."""

    def __init__(self, clock: Clock, **seconds: float) -> None:
        for hook, taken in seconds.items():
            setattr(self, hook, self._taking(clock, taken))

    def _taking(self, clock: Clock, taken: float) -> object:
        def take(state: State) -> None:
            clock.now += taken

        return take


def test_each_part_has_the_seconds_up_to_its_hook() -> None:
    clock = Clock()
    timer = Timer(clock=clock)
    slow = Slow(clock, before_step=2.0, after_step=3.0, after_batch=0.5)
    tiny_learner().fit(2, callbacks=[slow, timer], progress=False)
    # four batches of training and two of validation an epoch
    assert timer.batches == 8
    expected = {"backward": 16.0, "step": 24.0, "other": 4.0, "valid": 2.0}
    assert timer.seconds == {**dict.fromkeys(PARTS, 0.0), **expected}


def test_batches_that_make_no_step_count_as_backward() -> None:
    clock = Clock()
    timer = Timer(clock=clock)
    slow = Slow(clock, after_batch=1.0)
    tiny_learner().fit(1, accumulate=2, callbacks=[slow, timer], progress=False)
    assert timer.seconds["backward"] == 4.0


def test_it_prints_a_table() -> None:
    clock = Clock()
    timer = Timer(clock=clock)
    tiny_learner().fit(
        1, callbacks=[Slow(clock, before_step=0.75, after_step=0.25), timer], progress=False
    )
    assert str(timer).splitlines() == [
        "part         seconds   share     a batch",
        "data           0.000    0.0%    0.000 ms",
        "forward        0.000    0.0%    0.000 ms",
        "loss           0.000    0.0%    0.000 ms",
        "backward       3.000   75.0%  750.000 ms",
        "step           1.000   25.0%  250.000 ms",
        "other          0.000    0.0%    0.000 ms",
        "valid          0.000    0.0%            ",
        "all            4.000",
    ]


def test_by_the_real_clock_all_parts_take_time() -> None:
    timer = Timer()
    tiny_learner().fit(1, callbacks=timer, progress=False)
    assert all(seconds > 0 for seconds in timer.seconds.values())


def test_it_waits_for_a_gpu_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[object] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    timer, state = Timer(synchronize=True), State(torch.nn.Identity(), device=torch.device("cuda"))
    timer.before_phase(state)
    Timer().before_phase(state)
    assert waited == [torch.device("cuda")]
