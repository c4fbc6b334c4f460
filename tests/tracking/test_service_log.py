"""ServiceLog: points go on in one run, and a service that fails ends no training."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from learnkit.state import State
from learnkit.tracking.service import Status
from learnkit.tracking.service_log import ServiceLog
from learnkit.tracking.settings import Settings


class Notebook:
    """A service that keeps all in lists, and fails when it is told to."""

    def __init__(self, *, purges: bool = False) -> None:
        self.purges = purges
        self.opened: list[tuple[str, bool, int]] = []
        self.points: list[tuple[int, dict[str, float]]] = []
        self.closed: list[tuple[Status, str]] = []
        self.fails = self.fails_to_close = False

    def open(self, key: str, *, goes_on: bool, settings: Settings, step: int) -> str:
        self.opened.append((key, goes_on, step))
        return f"run {key[:4]}"

    def send(self, step: int, numbers: Mapping[str, float]) -> None:
        if self.fails:
            raise ConnectionError("no route to host")
        self.points.append((step, dict(numbers)))

    def close(self, status: Status, reason: str) -> None:
        self.closed.append((status, reason))
        if self.fails_to_close:
            raise ConnectionError("no route to host")


class Log(ServiceLog):
    """A logger."""


def begin(service: Notebook, state: State, every: int | None = 1) -> Log:
    log = Log(service, every=every, config=None)
    log.before_fit(state)
    log.before_batch(state)
    return log


def step(log: ServiceLog, state: State, loss: float = 1.0) -> None:
    state.loss = torch.tensor(loss)
    state.progress.steps_done += 1
    log.after_step(state)


def end_epoch(log: ServiceLog, state: State, **row: float) -> None:
    state.metrics = dict(row)
    log.after_epoch(state)
    state.progress.epochs_done += 1


def steps(service: Notebook, name: str) -> list[int]:
    return [at for at, numbers in service.points if name in numbers]


def test_losses_are_sent_many_at_a_time(make_state: Any) -> None:
    service, state = Notebook(), make_state()
    log = begin(service, state, every=2)
    for _ in range(63):
        step(log, state)
    assert service.points == []
    step(log, state)
    assert steps(service, "loss") == list(range(2, 65, 2))
    assert service.points[0] == (2, {"loss": 1.0, "lr": 0.1})


def test_rows_alone_are_sent_where_no_steps_are_wanted(make_state: Any) -> None:
    service, state = Notebook(), make_state()
    log = begin(service, state, every=None)
    step(log, state)
    end_epoch(log, state, train_loss=0.5)
    log.after_fit(state)
    assert service.points == [(1, {"epoch": 1.0, "train_loss": 0.5})]
    assert service.closed == [("finished", "")]


def test_a_service_that_fails_warns_once_and_gets_it_all_when_it_is_back(make_state: Any) -> None:
    service, state = Notebook(), make_state()
    log = begin(service, state)
    service.fails = True
    step(log, state)
    with pytest.warns(UserWarning, match="Log") as caught:
        end_epoch(log, state, train_loss=0.5)
    assert str(caught[0].message) == (
        "Log cannot reach its run: no route to host. The training goes on; what is not sent is "
        "kept and tried again."
    )
    step(log, state)
    end_epoch(log, state, train_loss=0.25)  # a second warning would be an error here
    assert service.points == []
    service.fails = False
    log.after_fit(state)
    assert [at for at, _ in service.points] == [1, 1, 2, 2]


def test_what_is_lost_in_the_end_is_counted_and_the_run_is_closed(make_state: Any) -> None:
    service, state = Notebook(), make_state()
    log = begin(service, state)
    service.fails = service.fails_to_close = True
    step(log, state)
    with pytest.warns(UserWarning, match="Log") as caught:
        log.after_fit(state)
    assert [str(warning.message) for warning in caught][1:] == [
        f"Log: 1 points of run {log.run} are lost. It cannot be closed: no route to host."
    ]
    assert service.closed == [("finished", "")]


def test_ctrl_c_while_sending_closes_the_run(make_state: Any) -> None:
    class Interrupted(Notebook):
        def send(self, step: int, numbers: Mapping[str, float]) -> None:
            raise KeyboardInterrupt

    service, state = Interrupted(), make_state()
    log = begin(service, state)
    step(log, state)
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="1 points of run"):
        log.after_fit(state)
    assert len(service.closed) == 1


def test_the_key_is_known_to_the_first_checkpoint(make_state: Any) -> None:
    """A fit that is killed before the next one goes on in the run it had opened."""
    service, state = Notebook(), make_state()
    log = Log(service, every=1, config=None)
    log.before_fit(state)
    saved = log.state_dict()
    other = Log(service, every=1, config=None)
    other.before_fit(state)
    other.load_state_dict(saved)
    other.before_batch(state)
    assert service.opened == [(saved["run"], True, 0)]


@pytest.mark.parametrize("purges", [False, True])
def test_points_at_the_step_of_the_checkpoint_come_again_only_where_they_were_purged(
    make_state: Any, purges: bool
) -> None:
    service, state = Notebook(purges=purges), make_state()
    log = begin(service, state)
    step(log, state)
    step(log, state)
    end_epoch(log, state, train_loss=0.5)
    saved = log.state_dict()
    service.points.clear()

    other, state = Log(service, every=1, config=None), make_state()
    other.before_fit(state)
    other.load_state_dict(saved)
    other.before_batch(state)
    assert service.opened[-1] == (saved["run"], True, 2)
    state.progress.steps_done, state.progress.epochs_done = 2, 1
    step(other, state)
    other.after_fit(state)
    assert [at for at, _ in service.points] == ([2, 2, 3] if purges else [3])


def test_a_second_fit_goes_on_after_the_steps_of_the_first(make_state: Any) -> None:
    service = Notebook()
    log = Log(service, every=1, config=None)
    for _ in range(2):
        state = make_state()
        log.before_fit(state)
        log.before_batch(state)
        step(log, state)
        step(log, state)
        log.after_fit(state)
    assert steps(service, "loss") == [1, 2, 3, 4]
    (first, _, _), (second, goes_on, at) = service.opened
    assert (second, goes_on, at) == (first, True, 2)


def test_a_fit_without_a_batch_opens_no_run(make_state: Any) -> None:
    service, state = Notebook(), make_state()
    log = Log(service, every=1, config=None)
    log.before_fit(state)
    log.after_epoch(state)
    log.on_error(state, RuntimeError())
    log.after_fit(state)
    assert (service.opened, service.closed, log.run) == ([], [], None)
