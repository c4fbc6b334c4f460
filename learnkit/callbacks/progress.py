"""Show a fit: a bar for each phase, a row of the table for each epoch."""

import math
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Final, TextIO

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.display import Display, Style, make_display
from learnkit.display.live_losses import LiveLosses
from learnkit.display.pace import Pace
from learnkit.display.words import clock, number, per_second
from learnkit.names import checked_keywords, did_you_mean
from learnkit.state import State

SECONDS_BETWEEN_DRAWS: Final = 0.25
SECONDS_BETWEEN_PLOTS: Final = 2.0  # one takes about 50 ms
_STYLES: Final = ("auto", "terminal", "notebook", "plain")


class ProgressBar(Callback):
    """Print a table with a row per epoch; draw a bar with the running loss while it works.

    tqdm in a terminal, fastprogress in a notebook when it is installed, with the losses drawn below
    while they come, plain rows when the output is a file or a pipe. The bar says how many samples a
    second it trains and how long the fit will still take. The running loss is read from the device
    at most four times a second.

    Args:
        lines: printed once, before the table's header.
        table: False draws the bars alone: no header, no rows, no reason for an early end.
        plot: whether a notebook gets the picture of the losses.
        style: ``"auto"``, or one of ``"terminal"``, ``"notebook"``, ``"plain"``.
        stream: where to write; standard output by default.
    """

    looks_on = True

    @checked_keywords
    def __init__(
        self,
        *,
        lines: Sequence[str] = (),
        table: bool = True,
        plot: bool = True,
        style: Style = "auto",
        stream: TextIO | None = None,
    ) -> None:
        if style not in _STYLES:
            raise ValueError(
                f"ProgressBar(): style must be one of {', '.join(_STYLES)}, found {style!r}."
                f"{did_you_mean(str(style), _STYLES)}"
            )
        self.lines = tuple(lines)
        self.table = table
        self.plot = plot
        self.style = style
        self.stream = stream
        self._display: Display | None = None
        self._columns: tuple[str, ...] = ()
        self._begin()

    def _begin(self) -> None:
        self._next_draw = self._next_plot = math.inf
        self._first = False  # whether the phase waits for its first batch
        self._speed: float | None = None
        self._pace, self._losses = Pace(), LiveLosses()

    @override
    def before_fit(self, state: State) -> None:
        self._begin()
        self._display = make_display(self.style, self.stream or sys.stdout)
        self._next_plot = monotonic() + SECONDS_BETWEEN_PLOTS
        if self.table:
            state.listen(self._say)
        for line in self.lines:
            self._display.line(line)
        self._columns = state.metric_names
        if self.table:
            speed = ["samples/s"] if state.train_dl is not None else []
            left = [] if self._display.live else ["left"]  # which a bar has shown
            self._display.row(["epoch", *self._columns, "time", *speed, *left])

    @override
    def before_epoch(self, state: State) -> None:
        self._pace.open_epoch(monotonic())
        self._speed = None

    @override
    def before_phase(self, state: State) -> None:
        progress, display, now = state.progress, self._display, monotonic()
        self._pace.open_phase(now)
        self._losses.open_phase()
        self._first = True
        if display is None or not display.live:
            return
        title = f"epoch {progress.epochs_done + 1}/{progress.epochs_planned} {state.phase.value}"
        display.open_bar(progress.batches_planned, title=title, done=progress.batches_done)
        self._next_draw = now + SECONDS_BETWEEN_DRAWS

    @override
    def before_batch(self, state: State) -> None:
        if self._first:  # only now are the counts those of a fit that goes on
            self._first = False
            self._pace.goes_on_at(state.progress.batches_done)

    @override
    def after_batch(self, state: State) -> None:
        # runs every step: a clock and a comparison, and no word to the device
        if self._next_draw is math.inf:
            return
        now = monotonic()
        if now >= self._next_draw:
            self._next_draw = now + SECONDS_BETWEEN_DRAWS
            self._draw(state)

    @override
    def after_phase(self, state: State) -> None:
        self._next_draw = math.inf
        if state.training:
            self._speed = self._samples_per_second(state)
        if self._display is not None:
            self._display.close_bar()

    @override
    def after_epoch(self, state: State) -> None:
        if self._display is None or not self.table or not state.has_row:
            return
        cells = [number(state.metrics.get(name)) for name in self._columns]
        seconds = self._pace.close_epoch(monotonic())
        epoch = state.progress.epochs_done + 1
        speed = [per_second(self._speed)] if state.train_dl is not None else []
        left = [] if self._display.live else [self._left_after(state)]
        self._display.row([str(epoch), *cells, clock(seconds), *speed, *left])
        for name in ("train_loss", "valid_loss"):
            self._losses.row(epoch, name, state.metrics.get(name))
        self._plot()

    @override
    def after_fit(self, state: State) -> None:
        self._next_draw = math.inf
        if self._display is None:
            return
        try:
            self._plot(last=True)
        finally:
            display, self._display = self._display, None
            display.close()
        if state.stop_reason is not None and self.table:
            display.line(f"stopped: {state.stop_reason}")

    def _say(self, line: str) -> None:
        if self._display is not None:
            self._display.line(line)

    def _draw(self, state: State) -> None:
        progress, words = state.progress, []
        done, planned = progress.batches_done, progress.batches_planned
        loss = None if state.loss_so_far is None else float(state.loss_so_far)
        now = monotonic()  # after the device was waited for
        if loss is not None:
            words.append(f"loss {number(loss)}")
            if state.training and planned:
                self._losses.look(progress.epochs_done + done / planned, loss, done)
        speed = self._samples_per_second(state) if state.training else None
        words += [f"{per_second(speed)} samples/s"] if speed is not None else []
        after = progress.epochs_planned - progress.epochs_done - 1
        left = self._pace.left(now, batches_done=done, batches_planned=planned, epochs_left=after)
        words += [f"{clock(left)} left"] if left is not None and self.table else []
        if self._display is not None:
            self._display.move_bar(done, ", ".join(words), total=planned)
        self._plot()

    def _plot(self, *, last: bool = False) -> None:
        now = monotonic()
        if self._display is None or not (self.plot and self.table and self._display.live):
            return
        lines = self._losses.lines()
        if lines and (last or now >= self._next_plot):
            self._display.plot(lines)
            self._next_plot = monotonic() + SECONDS_BETWEEN_PLOTS

    def _samples_per_second(self, state: State) -> float | None:
        if state.train_dl is None:
            return None
        return self._pace.samples_per_second(
            monotonic(),
            batches_done=state.progress.batches_done,
            batch_size=state.train_dl.batch_size,
            n_samples=state.train_dl.n_samples,
        )

    def _left_after(self, state: State) -> str:
        if state.stop_reason is not None:
            return clock(0)
        progress = state.progress
        epochs_left = progress.epochs_planned - progress.epochs_done - 1
        return clock(self._pace.left_after_epoch(epochs_left))
