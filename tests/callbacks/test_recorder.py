"""Recorder: a rate and a loss for every step, fetched once a phase."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callback import Callback
from learnkit.callbacks.recorder import Recorder
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.schedule import linear
from learnkit.state import SkipBatch, State


@pytest.fixture
def learn() -> Learner:
    drawn = torch.Generator().manual_seed(0)
    x, y = torch.randn(20, 3, generator=drawn), torch.tensor([0, 1] * 10)
    data = DataBunch.from_arrays(x, y, valid=(x, y), batch_size=6)
    return Learner(data, nn.Linear(3, 2), device="cpu")


class Losses(Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def after_loss(self, state: State) -> None:
        if state.training:
            self.seen.append(state.loss.item())


def test_every_step_leaves_its_rate_and_its_loss(learn: Learner) -> None:
    own = Losses()
    learn.fit(2, 0.1, schedule=linear(), callbacks=own, progress=False)
    assert learn.recorder.losses == pytest.approx(own.seen)
    assert learn.recorder.lrs == pytest.approx([0.1 * (1 - n / 8) for n in range(8)])


def test_a_second_fit_starts_afresh(learn: Learner) -> None:
    learn.fit(2, progress=False)
    learn.fit(1, progress=False)
    assert len(learn.recorder.lrs) == len(learn.recorder.losses) == 4


def test_a_fit_that_fails_keeps_what_was_recorded(learn: Learner) -> None:
    class Fail(Callback):
        def before_batch(self, state: State) -> None:
            if state.progress.batches_done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn.fit(1, callbacks=Fail(), progress=False)
    assert len(learn.recorder.lrs) == len(learn.recorder.losses) == 2


def test_a_skipped_batch_leaves_nothing(learn: Learner) -> None:
    class Skip(Callback):
        def after_forward(self, state: State) -> None:
            raise SkipBatch

    learn.fit(1, callbacks=Skip(), progress=False)
    assert (learn.recorder.lrs, learn.recorder.losses) == ([], [])


def test_every_epoch_of_every_fit_is_known_by_its_key_and_first_batch(learn: Learner) -> None:
    learn.fit(2, progress=False)
    learn.fit(1, progress=False)
    assert learn.recorder.epochs == [(0, 0), (1, 4), (2, 8)]


def test_its_state_is_all_that_it_recorded_and_asking_changes_nothing(learn: Learner) -> None:
    class Asking(Callback):
        def after_batch(self, state: State) -> None:
            learn.recorder.state_dict()

    own = Losses()
    learn.fit(1, callbacks=[own, Asking()], progress=False)
    assert learn.recorder.losses == own.seen
    saved = learn.recorder.state_dict()
    rows = saved.pop("rows")
    assert {name: value.tolist() for name, value in saved.items()} == {
        "lrs": learn.recorder.lrs,
        "losses": own.seen,
        "epochs": [[0, 0]],
    }
    numbers = {k: v for k, v in learn.history[0].items() if k != "seconds"}  # those differ
    assert rows == [[4, numbers]]
    saved["rows"] = rows
    other = Recorder()
    other.load_state_dict(saved)
    assert (other.lrs, other.losses, other.epochs) == (learn.recorder.lrs, own.seen, [(0, 0)])
    assert other.rows == [(4, numbers)]
    del saved["rows"]  # of an older version
    other.load_state_dict(saved)
    assert other.rows == []


def test_it_has_a_state_before_the_first_fit_too() -> None:
    recorder = Recorder()
    assert recorder.name == "Recorder"
    saved = recorder.state_dict()
    assert saved.pop("rows") == []
    assert {name: value.tolist() for name, value in saved.items()} == {
        "lrs": [],
        "losses": [],
        "epochs": [],
    }


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The axes of every picture that is shown."""
    from matplotlib import pyplot

    shown: list[Any] = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf().axes[0]))
    yield shown
    pyplot.close("all")


def lines_of(axis: Any) -> dict[str, tuple[list[float], list[float]]]:
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
        for line in axis.get_lines()
    }


def test_the_losses_of_each_step_and_of_the_validation_are_drawn(
    learn: Learner, axes: list[Any]
) -> None:
    history = learn.fit(2, 0.1, progress=False)
    assert learn.recorder.plot_losses(smooth=0.5, skip_start=1) is None
    lines, losses = lines_of(axes[0]), learn.recorder.losses
    assert lines["loss"] == ([2, 3, 4, 5, 6, 7, 8], losses[1:])
    smoothed = lines["loss, smoothed"][1]
    assert smoothed[0] == pytest.approx((losses[0] * 0.25 + losses[1] * 0.5) / 0.75)
    assert lines["valid_loss"] == ([4, 8], history.column("valid_loss"))
    learn.recorder.plot_losses(smooth=0)
    assert set(lines_of(axes[1])) == {"loss", "valid_loss"}


def test_rates_and_metrics_are_drawn(learn: Learner, axes: list[Any]) -> None:
    class Adds(Callback):
        def after_epoch(self, state: State) -> None:
            state.metrics["mine"] = 0.5

    learn.fit(2, 0.1, callbacks=Adds(), progress=False)
    learn.recorder.plot_rates()
    learn.recorder.plot_metrics()
    assert list(lines_of(axes[0]).values()) == [(list(range(1, 9)), learn.recorder.lrs)]
    assert lines_of(axes[1]) == {"mine": ([4, 8], [0.5, 0.5])}


def test_plots_go_to_files_also_before_any_fit(learn: Learner, tmp_path: Path) -> None:
    for name in ("plot_losses", "plot_rates", "plot_metrics"):
        getattr(learn.recorder, name)(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smooth": 1.0}, "plot_losses(): smooth must be in [0, 1); got 1.0."),
        ({"skip_start": -1}, "plot_losses(): skip_start must be 0 or more; got -1."),
    ],
)
def test_options_of_a_plot_are_checked(learn: Learner, options: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        learn.recorder.plot_losses(**options)
    assert str(caught.value) == message
