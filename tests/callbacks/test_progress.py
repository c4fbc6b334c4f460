"""ProgressBar: a table for everyone, a bar for those who watch, and next to no time for either."""

import io
import itertools
from typing import Any

import pytest
import torch

from learnkit.callbacks import progress
from learnkit.callbacks.progress import ProgressBar
from learnkit.display.words import clock, number, per_second
from learnkit.state import Phase, State

ROWS = [
    {"train_loss": 1.23456, "valid_loss": 0.5, "accuracy": 0.91666, "seconds": 1.0},
    {"train_loss": 1.0, "valid_loss": 1e-5, "accuracy": float("nan")},
]


class Loader:
    """What a bar asks a loader."""

    batch_size, n_samples = 4, 30


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock)
    return clock


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def finish_batch(bar: ProgressBar, state: State, loss: float) -> None:
    state.add_loss(torch.tensor(loss), 4)
    state.progress.batches_done += 1
    bar.after_batch(state)


@pytest.mark.usefixtures("still")
def test_a_file_gets_a_header_and_a_row_per_epoch(make_state: Any, run_epochs: Any) -> None:
    stream, state = io.StringIO(), make_state()
    bar = ProgressBar(lines=["one", "two"], stream=stream)
    bar.before_fit(state)
    run_epochs(bar, state, ROWS)
    bar.after_fit(state)
    assert stream.getvalue() == (
        "one\n"
        "two\n"
        "epoch  train_loss  valid_loss    accuracy        time        left\n"
        "    1      1.2346      0.5000      0.9167       00:00       00:00\n"
        "    2      1.0000   1.000e-05         nan       00:00       00:00\n"
    )


@pytest.mark.usefixtures("still")
def test_a_stopped_fit_says_why(make_state: Any) -> None:
    stream, state = io.StringIO(), make_state(directions={"train_loss": False})
    bar = ProgressBar(stream=stream)
    bar.before_fit(state)
    state.stop("it is enough")
    bar.after_fit(state)
    assert stream.getvalue() == (
        "epoch  train_loss        time        left\nstopped: it is enough\n"
    )


def test_without_a_table_there_are_only_bars(make_state: Any, run_epochs: Any) -> None:
    stream, state = io.StringIO(), make_state()
    bar = ProgressBar(lines=["one"], table=False, stream=stream)
    bar.before_fit(state)
    run_epochs(bar, state, ROWS)
    state.stop("it is enough")
    bar.after_fit(state)
    assert stream.getvalue() == "one\n"


def test_a_number_that_is_missing_is_a_dash(make_state: Any, run_epochs: Any) -> None:
    stream, state = io.StringIO(), make_state()
    bar = ProgressBar(stream=stream)
    bar.before_fit(state)
    run_epochs(bar, state, [{"train_loss": 1.0}])
    assert stream.getvalue().splitlines()[1].split() == ["1", "1.0000", "-", "-", "00:00", "00:00"]


def test_by_default_it_writes_to_standard_output(
    make_state: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bar = ProgressBar()
    bar.before_fit(make_state(directions={"train_loss": False}))
    assert capsys.readouterr().out == "epoch  train_loss        time        left\n"


def test_a_terminal_gets_a_bar_that_is_gone_when_the_row_is_written(
    make_state: Any, run_epochs: Any, still: Clock
) -> None:
    stream, state = Terminal(), make_state(epochs=3)
    bar = ProgressBar(stream=stream)
    bar.before_fit(state)
    state.open_phase(Phase.TRAIN, batches=8)
    bar.before_phase(state)
    still.now += 0.3
    finish_batch(bar, state, 0.5)
    bar.after_phase(state)
    run_epochs(bar, state, ROWS[:1])
    bar.after_fit(state)
    text = stream.getvalue()
    assert "epoch 1/3 train" in text
    assert "1/8" in text
    assert "loss 0.5000" in text
    last = text.replace("\r", "\n").splitlines()[-1]
    assert last == "    1      1.2346      0.5000      0.9167       00:00"


def test_the_loss_is_read_at_most_four_times_a_second(
    make_state: Any, still: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []
    monkeypatch.setattr(ProgressBar, "_draw", lambda self, state: drawn.append(still.now))
    state = make_state()
    bar = ProgressBar(style="terminal", stream=io.StringIO())
    bar.before_fit(state)
    state.open_phase(Phase.TRAIN, batches=1000)
    bar.before_phase(state)
    for _ in range(1000):  # two seconds
        still.now += 0.002
        finish_batch(bar, state, 1.0)
    bar.after_fit(state)
    assert 6 <= len(drawn) <= 8
    assert min(b - a for a, b in itertools.pairwise(drawn)) >= 0.25


def test_plain_output_never_reads_the_loss(
    make_state: Any, still: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProgressBar, "_draw", lambda self, state: pytest.fail("drawn"))
    state = make_state()
    bar = ProgressBar(stream=io.StringIO())
    bar.before_fit(state)
    state.open_phase(Phase.TRAIN, batches=2)
    bar.before_phase(state)
    still.now += 10
    finish_batch(bar, state, 1.0)


@pytest.mark.parametrize("style", ["plain", "terminal"])
@pytest.mark.usefixtures("still")
def test_between_two_draws_a_batch_reads_the_clock_and_nothing_else(
    make_state: Any, style: Any
) -> None:
    state, nothing = make_state(), object()
    stream = io.StringIO()
    bar = ProgressBar(style=style, stream=stream)
    bar.before_fit(state)
    state.open_phase(Phase.TRAIN, batches=10_000)
    bar.before_phase(state)
    written = stream.getvalue()
    bar.after_batch(nothing)  # type: ignore[arg-type] - it has no field to read
    assert stream.getvalue() == written


def test_an_error_in_the_middle_of_a_phase_takes_the_bar_away(make_state: Any) -> None:
    stream, state = Terminal(), make_state()
    bar = ProgressBar(stream=stream)
    bar.before_fit(state)
    state.open_phase(Phase.TRAIN, batches=8)
    bar.before_phase(state)
    bar.on_error(state, RuntimeError())
    bar.after_fit(state)
    bar.after_fit(state)
    assert stream.getvalue().endswith("\r")


def test_it_serves_a_second_fit(make_state: Any, run_epochs: Any) -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream=stream)
    for _ in range(2):
        state = make_state()
        bar.before_fit(state)
        run_epochs(bar, state, ROWS[:1])
        bar.after_fit(state)
    first, second = stream.getvalue().splitlines()[:2], stream.getvalue().splitlines()[2:]
    assert first == second


def test_after_fit_without_before_fit_does_nothing(make_state: Any) -> None:
    bar, state = ProgressBar(), make_state()
    bar.before_phase(state)
    bar.after_batch(state)
    bar.after_phase(state)
    bar.after_epoch(state)
    bar.after_fit(state)


def test_an_unknown_style_names_the_nearest_one() -> None:
    with pytest.raises(ValueError) as caught:
        ProgressBar(style="terminl")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "ProgressBar(): style must be one of auto, terminal, notebook, plain, found 'terminl'."
        " Did you mean 'terminal'?"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.12345, "0.1235"),
        (-12.5, "-12.5000"),
        (0.0005, "5.000e-04"),
        (123456.0, "1.235e+05"),
        (float("inf"), "inf"),
        (None, "-"),
    ],
)
def test_numbers_keep_their_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "00:00"), (61.0, "01:01"), (3599.6, "1:00:00"), (7322, "2:02:02")]
)
def test_durations_are_minutes_and_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("speed", "text"), [(None, "-"), (1234.5, "1,234"), (100.0, "100"), (2.345, "2.35")]
)
def test_speeds_have_three_digits_or_more(speed: float | None, text: str) -> None:
    assert per_second(speed) == text


def test_the_bar_says_how_fast_it_trains_and_how_long_the_fit_will_take(
    make_state: Any, still: Clock
) -> None:
    stream, state = Terminal(), make_state(epochs=3)
    state.train_dl = Loader()
    bar = ProgressBar(stream=stream)
    bar.before_fit(state)
    bar.before_epoch(state)
    state.open_phase(Phase.TRAIN, batches=8)
    bar.before_phase(state)
    bar.before_batch(state)
    still.now += 0.5
    finish_batch(bar, state, 0.5)
    # 8 batches of half a second, three times
    assert "loss 0.5000, 8 samples/s, 00:12 left" in stream.getvalue()


def test_a_fit_that_goes_on_inside_an_epoch_counts_only_what_it_does_itself(
    make_state: Any, still: Clock
) -> None:
    stream, state = Terminal(), make_state(epochs=1)
    state.train_dl = Loader()
    bar = ProgressBar(stream=stream)
    bar.before_fit(state)
    bar.before_epoch(state)
    state.open_phase(Phase.TRAIN, batches=8)
    bar.before_phase(state)
    state.progress.batches_done = 6  # comes from the checkpoint, after before_phase
    bar.before_batch(state)
    still.now += 0.5
    finish_batch(bar, state, 0.5)
    assert "8 samples/s, 00:00 left" in stream.getvalue()


def test_a_callback_that_plans_fewer_batches_shortens_the_bar(
    make_state: Any, still: Clock
) -> None:
    stream, state = Terminal(), make_state(epochs=1)
    state.train_dl = Loader()
    bar = ProgressBar(stream=stream)
    bar.before_fit(state)
    bar.before_epoch(state)
    state.open_phase(Phase.TRAIN, batches=8)
    bar.before_phase(state)
    state.progress.batches_planned = 3
    bar.before_batch(state)
    still.now += 0.5
    finish_batch(bar, state, 0.5)
    assert "1/3" in stream.getvalue()
    assert "00:01 left" in stream.getvalue()


def test_a_row_has_the_speed_of_the_training_and_the_time_that_is_left(
    make_state: Any, still: Clock
) -> None:
    stream, state = io.StringIO(), make_state(directions={"train_loss": False}, epochs=3)
    state.train_dl = Loader()
    bar = ProgressBar(stream=stream)
    bar.before_fit(state)
    bar.before_epoch(state)
    state.open_phase(Phase.TRAIN, batches=8)
    bar.before_phase(state)
    bar.before_batch(state)
    state.progress.batches_done = 8
    still.now += 10
    bar.after_phase(state)
    still.now += 5  # the validation
    state.metrics = {"train_loss": 0.5}
    bar.after_epoch(state)
    assert stream.getvalue() == (
        "epoch  train_loss        time   samples/s        left\n"
        "    1      0.5000       00:15           3       00:30\n"
    )


class Picture:
    """A display that keeps what it was told to draw."""

    live = True

    def __init__(self) -> None:
        self.plots: list[dict[str, tuple[list[float], list[float]]]] = []

    def plot(self, lines: Any) -> None:
        self.plots.append({line.name: (list(line.x), list(line.y)) for line in lines})

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def test_a_notebook_gets_the_losses_while_they_come(
    make_state: Any, still: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, state = Picture(), make_state(epochs=2)
    monkeypatch.setattr(progress, "make_display", lambda style, stream: picture)
    bar = ProgressBar()
    bar.before_fit(state)
    bar.before_epoch(state)
    state.open_phase(Phase.TRAIN, batches=4)
    bar.before_phase(state)
    for loss in (4.0, 2.0):
        still.now += 3
        bar.before_batch(state)
        finish_batch(bar, state, loss)
    assert picture.plots[-1] == {"while training": ([0.25, 0.5], [4.0, 2.0])}
    bar.after_phase(state)
    state.metrics = {"train_loss": 3.0, "valid_loss": 2.5}
    bar.after_epoch(state)
    seen = len(picture.plots)
    bar.after_fit(state)
    assert picture.plots[-1] == {
        "while training": ([0.25, 0.5], [4.0, 2.0]),
        "train_loss": ([1], [3.0]),
        "valid_loss": ([1], [2.5]),
    }
    assert len(picture.plots) == seen + 1  # the last one always, the others every two seconds


@pytest.mark.parametrize("options", [{"plot": False}, {"table": False}])
def test_no_picture_is_drawn_that_nobody_wants(
    make_state: Any, run_epochs: Any, monkeypatch: pytest.MonkeyPatch, options: Any
) -> None:
    picture, state = Picture(), make_state()
    monkeypatch.setattr(progress, "make_display", lambda style, stream: picture)
    bar = ProgressBar(**options)
    bar.before_fit(state)
    run_epochs(bar, state, ROWS)
    bar.after_fit(state)
    assert picture.plots == []
