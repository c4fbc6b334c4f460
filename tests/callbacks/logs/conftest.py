"""Tiny fits for the loggers, no network, and nothing that outlives a test."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callback import Callback
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.state import State

MakeLearner = Callable[..., Learner]
BATCHES = 7  # of an epoch


class Fails(Callback):
    """Ends the fit by this error after so many batches of training."""

    looks_on = True

    def __init__(self, error: BaseException, *, after: int) -> None:
        self.error, self.after = error, after

    def after_batch(self, state: State) -> None:
        if state.training and state.progress.batches_seen == self.after:
            raise self.error


@pytest.fixture(autouse=True)
def never_flushing(no_flushing: None, no_checks: None) -> None:
    """In all of these tests."""


@pytest.fixture(autouse=True)
def no_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries' own reports to their makers are off, and no connection can be made."""
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("COMET_ERROR_TRACKING_ENABLE", "false")
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
            pytest.fail(f"a connection to {address}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and t.is_alive()]
    assert left == []


@pytest.fixture
def make_learner(tmp_path: Path) -> MakeLearner:
    """Return a function that makes the same learner again and again: 7 batches an epoch."""

    def make() -> Learner:
        drawn = torch.Generator().manual_seed(0)
        x, y = torch.randn(40, 3, generator=drawn), torch.tensor([0, 1] * 20)
        data = DataBunch.from_arrays(x, y, valid=(x, y), batch_size=6)
        torch.manual_seed(0)
        return Learner(data, nn.Linear(3, 2), device="cpu", path=tmp_path)

    return make


@pytest.fixture
def fit_in_two_parts(make_learner: MakeLearner) -> Callable[..., None]:
    """Return a function that fits 2 epochs with ``make_log()``, failing after 5 of 14 batches.

    There is a checkpoint after batch 4, or what ``every_steps`` says; then it goes on in what
    might be another process. The first part has logged batches that the second computes again.
    """

    def fit(
        make_log: Callable[[], Callback], *, after: int = 5, every_steps: int | None = 4
    ) -> None:
        options = {"checkpoint": "ck", "every_steps": every_steps, "progress": False}
        error = RuntimeError("the power went")
        with pytest.raises(RuntimeError):
            make_learner().fit(2, callbacks=[make_log(), Fails(error, after=after)], **options)
        make_learner().fit(2, callbacks=make_log(), **options)

    return fit
